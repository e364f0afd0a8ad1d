//! What is not tokens, and the conditions that change a price.

use farebox::pricing::{Bound, Class, PriceTable, Terms};
use farebox::usage::{Figure, Usage};

/// A model with a price for everything; in a region its tokens cost a tenth more.
const EVERYTHING: &str = "
[[model]]
id = 'm'
provider = 'p'
regions = { us = '1.1' }

[[model.price]]
input = '10'
cached_input = '1'
tool_use_input = '2'
video_input = '3'
document_input = '4'
output = '50'
web_search = '0.01'
web_fetch = '0.02'
web_search_query = '0.014'
grounded_request = '0.035'
audio_second = '0.0001'
character = '0.000015'
image = '0.04'
image_in = '0.0001'
page = '0.002'
search_unit = '0.003'
request = '0.005'

[[model.price]]
tiers = ['fast']
input = '20'
output = '100'

[[model.price]]
tiers = ['priority']
input = '15'

[[model.price]]
tiers = ['search_low']
request = '0.001'
";

fn usage(figures: &[(Figure, u64)]) -> Usage {
    figures.iter().fold(Usage::default(), |usage, &(figure, n)| usage.with(figure, n))
}

#[track_caller]
fn check(terms: Terms<'_>, figures: &[(Figure, u64)], nanos: i64) {
    let table = PriceTable::parse(EVERYTHING).unwrap();
    let model = table.find(None, "m").unwrap();
    assert_eq!(model.cost(&usage(figures), &terms).get(), nanos);
}

/// The price of a call, which every usage here has.
const CALL: i64 = 5_000_000;

#[test]
fn each_unit_has_its_price() {
    for (figure, quantity, nanos) in [
        (Figure::WebSearchRequests, 2, 20_000_000),
        (Figure::WebFetchRequests, 2, 40_000_000),
        // 3 queries at 0.014, and the grounded call at 0.035.
        (Figure::WebSearchQueries, 3, 42_000_000 + 35_000_000),
        // 24.25 seconds at 0.0001.
        (Figure::DurationMs, 24_250, 2_425_000),
        (Figure::DurationMs, 1, 100),
        (Figure::Characters, 40, 600_000),
        (Figure::Images, 2, 80_000_000),
        (Figure::ImagesIn, 2, 200_000),
        (Figure::Pages, 3, 6_000_000),
        (Figure::SearchUnits, 1, 3_000_000),
        (Figure::ToolUseInput, 1_000, 0),
    ] {
        check(Terms::default(), &[(figure, quantity)], nanos + CALL);
    }
    check(Terms::default(), &[], 0);
}

#[test]
fn tokens_and_units_are_both_charged() {
    // 400 text × 10 + 300 tools × 2 + 200 video × 3 + 100 document × 4 = 5,600 millionths, with
    // 10 × 50 of output 6,100; one image.
    let figures = [
        (Figure::InputTotal, 1_000),
        (Figure::ToolUseInput, 300),
        (Figure::VideoInput, 200),
        (Figure::DocumentInput, 100),
        (Figure::OutputTotal, 10),
        (Figure::Images, 1),
    ];
    check(Terms::default(), &figures, 6_100_000 + 40_000_000 + CALL);
}

#[test]
fn the_lines_say_how_much_of_what() {
    let table = PriceTable::parse(EVERYTHING).unwrap();
    let model = table.find(None, "m").unwrap();
    let used = usage(&[(Figure::InputTotal, 7), (Figure::DurationMs, 24_250)]);
    let lines = model.explain(&used, &Terms::default());
    let lines: Vec<_> = lines
        .iter()
        .map(|l| (l.class, l.quantity_text().to_string(), l.price_text(), l.cost.to_string()))
        .collect();
    let line = |class, quantity: &str, price: &str, cost: &str| {
        (class, quantity.to_owned(), price.to_owned(), cost.to_owned())
    };
    assert_eq!(
        lines,
        [
            line(Class::Input, "7", "10", "0.00007"),
            line(Class::AudioSecond, "24.25", "0.0001", "0.002425"),
            line(Class::Request, "1", "0.005", "0.005"),
        ]
    );
}

#[test]
fn a_price_by_the_hour_is_exact_where_the_hours_are() {
    // 0.111 an hour is 0.0000308333… a second. Cut after 18 decimals, rounded up at the end.
    let text = "[[model]]\nid = 'w'\nprovider = 'p'\n[[model.price]]\ninput = '0'\noutput = '0'\n\
                audio_second = '0.000030833333333333'";
    let table = PriceTable::parse(text).unwrap();
    let cost = |ms| {
        let used = usage(&[(Figure::DurationMs, ms)]);
        table.find(None, "w").unwrap().cost(&used, &Terms::default()).get()
    };
    assert_eq!((cost(3_600_000), cost(1_000), cost(10)), (111_000_000, 30_834, 309));
}

#[test]
fn conditions_change_the_price_where_the_table_says_so() {
    let (input, output) = (Figure::InputTotal, Figure::OutputTotal);
    let figures = [(input, 1_000), (output, 100)];
    let plain = 15_000_000 + CALL;
    check(Terms::default(), &figures, plain);
    check(Terms { speed: Some("fast"), ..Terms::default() }, &figures, 30_000_000 + CALL);
    check(Terms { speed: Some("standard"), ..Terms::default() }, &figures, plain);
    let traffic = |kind| Terms { traffic_type: Some(kind), ..Terms::default() };
    check(traffic("ON_DEMAND_PRIORITY"), &figures, 20_000_000 + CALL);
    check(traffic("ON_DEMAND"), &figures, plain);
    check(traffic("PROVISIONED_THROUGHPUT"), &figures, plain);
    let search = |size| Terms { search_context: Some(size), ..Terms::default() };
    check(search("low"), &figures, 15_000_000 + 1_000_000);
    check(search("high"), &figures, plain);
}

#[test]
fn a_region_multiplies_the_price_of_tokens_and_of_nothing_else() {
    let figures = [(Figure::InputTotal, 1_000), (Figure::OutputTotal, 100), (Figure::Images, 1)];
    let us = Terms { region: Some("us"), ..Terms::default() };
    check(us, &figures, 16_500_000 + 40_000_000 + CALL);
    let fast = Terms { speed: Some("fast"), ..us };
    check(fast, &figures, 33_000_000 + 40_000_000 + CALL);
    let elsewhere = Terms { region: Some("global"), ..Terms::default() };
    check(elsewhere, &figures, 15_000_000 + 40_000_000 + CALL);
}

#[test]
fn the_ceiling_covers_the_call_its_region_and_what_is_named_apart() {
    let table = PriceTable::parse(EVERYTHING).unwrap();
    let model = table.find(None, "m").unwrap();
    let bound = Bound { input: 1_000, output: 100 };
    // 1,000 × 20 × 1.1 + 100 × 100 × 1.1, and the call.
    assert_eq!(model.ceiling(bound).get(), 33_000_000 + CALL);
    let apart = usage(&[(Figure::Images, 3), (Figure::InputTotal, 1 << 40)]);
    assert_eq!(model.ceiling_with(bound, &apart).get(), 33_000_000 + 120_000_000 + CALL);
}

#[test]
fn a_usage_that_the_table_has_no_price_for_is_not_covered() {
    let text = "[[model]]\nid = 'm'\nprovider = 'p'\n[[model.price]]\ninput = '1'\noutput = '2'";
    let table = PriceTable::parse(text).unwrap();
    let covers = |figures: &[(Figure, u64)]| {
        table.find(None, "m").unwrap().covers(&usage(figures), &Terms::default())
    };
    assert!(covers(&[]));
    assert!(covers(&[(Figure::InputTotal, 1)]));
    assert!(covers(&[(Figure::OutputTotal, 1), (Figure::Images, 1)]));
    assert!(!covers(&[(Figure::Images, 1)]));
    assert!(!covers(&[(Figure::DurationMs, 1), (Figure::InputTotal, 0)]));
}

#[test]
fn all_models_of_a_free_provider_cost_nothing_but_the_listed_ones() {
    let text = "free_providers = ['ollama']\n\
                [[model]]\nid = 'big'\nprovider = 'ollama'\n\
                [[model.price]]\ninput = '1'\noutput = '2'\n\
                [[model]]\nid = 'llama'\nprovider = 'cloud'\n\
                [[model.price]]\ninput = '1'\noutput = '2'";
    let table = PriceTable::parse(text).unwrap();
    let cost = |provider, model| {
        let used = usage(&[(Figure::InputTotal, 1_000)]);
        Some(table.find(provider, model)?.cost(&used, &Terms::default()).get())
    };
    assert_eq!(cost(Some("ollama"), "llama"), Some(0));
    assert_eq!(cost(Some("ollama"), "big"), Some(1_000_000));
    assert_eq!(cost(Some("cloud"), "llama"), Some(1_000_000));
    // A model that nobody lists is free at that provider only.
    assert_eq!(cost(Some("ollama"), "new"), Some(0));
    assert_eq!((cost(Some("cloud"), "new"), cost(None, "new")), (None, None));
}

#[test]
fn r021_a_bad_factor_is_named_with_its_line() {
    let bad = EVERYTHING.replace("'1.1'", "'-1.1'");
    let error = PriceTable::parse(&bad).unwrap_err().to_string();
    assert!(error.contains("line 3: model `m`: `-1.1` is not a factor"), "{error}");
}

#[test]
fn hours_of_the_day_have_their_price() {
    let text = "[[model]]\nid = 'm'\nprovider = 'p'\n\
        [[model.price]]\ninput = '1'\noutput = '2'\n\
        [[model.price]]\nfrom = '2026-11-01'\ninput = '3'\noutput = '2'\n\
        [[model.price]]\nhours = ['01:00-04:00', '06:00-10:00']\ndays = ['mon', 'tue']\n\
        from = '2026-10-01'\ninput = '7'\n\
        [[model.price]]\ntiers = ['batch']\ninput = '0.5'";
    let table = PriceTable::parse(text).unwrap();
    let model = table.find(None, "m").unwrap();
    let cost = |at: &str, tier| {
        let at = farebox::clock::parse_time(at).unwrap();
        let terms = Terms { at, service_tier: tier, ..Terms::default() };
        let used = [(Figure::InputTotal, 1_000), (Figure::OutputTotal, 1_000)];
        model.cost(&usage(&used), &terms).get()
    };
    // 2026-11-24 is a Tuesday.
    assert_eq!(cost("2026-11-24T03:59:59Z", None), 9_000_000);
    assert_eq!(cost("2026-11-24T04:00:00Z", None), 5_000_000);
    assert_eq!(cost("2026-11-25T03:59:59Z", None), 5_000_000);
    assert_eq!(cost("2026-09-29T03:00:00Z", None), 3_000_000);
    // A tier has its price at every hour.
    assert_eq!(cost("2026-11-24T03:00:00Z", Some("batch")), 2_500_000);
    assert_eq!(model.ceiling(Bound { input: 1_000, output: 1_000 }).get(), 9_000_000);
    let both = text.replace("tiers = ['batch']", "tiers = ['batch']\nhours = ['01:00-02:00']");
    let error = PriceTable::parse(&both).unwrap_err().to_string();
    assert!(error.contains("`hours` and `tiers`"), "{error}");
}
