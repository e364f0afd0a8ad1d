//! `farebox providers` and `farebox limits` of credentials against a running admin plane.

use crate::cli::run;
use crate::control_desk::Desk;
use farebox::ledger::AttemptOutcome::Served;
use serde_json::{Value, json};

async fn five() -> Desk {
    Desk::with_pools(include_str!("../../examples/groq-hf.toml")).await
}

#[tokio::test]
async fn r063_r071_the_pool_is_listed_with_bars() {
    let desk = five().await;
    desk.attempt("groq_1", 12_960, Served).await;
    desk.attempt("groq_2", 14_400, Served).await;
    let text = run(&desk, "providers list", None).await.ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(lines[0])[..4], ["CREDENTIAL", "PROVIDER", "STATUS", "QUOTA"]);
    assert_eq!(
        words(lines[1]),
        [
            "groq_1",
            "groq",
            "critical",
            "14400",
            "characters/day",
            "1440",
            "█████████░",
            "90%",
            "2026-11-25T00:00:00Z",
            "1",
            "12960",
            "3240"
        ]
    );
    assert!(lines[2].contains("disabled") && lines[2].contains("██████████ 100%"), "{text}");
    assert!(lines[5].starts_with("huggingface_2  huggingface  available"), "{text}");
    let json = run(&desk, "providers list --json", None).await.json();
    assert_eq!(json, desk.get("/api/v1/credentials").await.of(200)["data"]);
}

#[tokio::test]
async fn r064_capacity_is_by_meter_and_window() {
    let desk = five().await;
    desk.attempt("groq_1", 400, Served).await;
    let whole = run(&desk, "providers capacity --json", None).await.json();
    let expected = json!({"characters/day": {"limit": 103_200, "used": 400, "remaining": 102_800}});
    assert_eq!(whole, expected);
    let text = run(&desk, "providers capacity", None).await.ok();
    assert!(text.contains("characters/day  103200   400     102800  ░░░░░░░░░░   0%"), "{text}");
    let one = run(&desk, "providers capacity huggingface --json", None).await.json();
    assert_eq!(one["characters/day"]["limit"], 60_000);
    run(&desk, "providers capacity nobody", None).await.failed(5, "nobody does not exist");
}

#[tokio::test]
async fn r070_one_is_shown_with_its_day_and_its_past() {
    let desk = five().await;
    desk.attempt("groq_1", 1_000, Served).await;
    let text = run(&desk, "providers show groq_1", None).await.ok();
    for part in [
        "credential            groq_1\n",
        "date                  2026-11-24\n",
        "  plan                free\n",
        "14400 characters/day",
        "remaining_percentage  0.931\n",
        "character_count       1000\n",
    ] {
        assert!(text.contains(part), "`{part}` is missing in {text}");
    }
    let shown = run(&desk, "providers show groq_1 --json", None).await.json();
    assert_eq!(shown, desk.get("/api/v1/credentials/groq_1").await.of(200));
    let past = run(&desk, "providers show groq_1 --date 2026-11-23 --json", None).await.json();
    assert_eq!(past["character_count"], 0);
    let days = run(&desk, "providers days groq_1 --from 2026-11-24 --json", None).await.json();
    assert_eq!(days[0]["character_count"], 1_000);
    let text = run(&desk, "providers days groq_1", None).await.ok();
    assert!(text.contains("2026-11-24         1       0        1000     250  $0.01"), "{text}");
    let pool = run(&desk, "providers show groq", None).await.ok();
    assert!(pool.contains("credentials  groq_1,groq_2,groq_3\n"), "{pool}");
    assert!(pool.contains("characters/day"), "{pool}");
    run(&desk, "providers show nobody", None).await.failed(5, "credential:nobody does not exist");
    run(&desk, "providers show groq_1 --date x", None).await.failed(2, "`x` is not a day");
}

#[tokio::test]
async fn r072_disable_and_enable_say_before_and_after() {
    let desk = five().await;
    let done = run(&desk, "providers disable groq_1", Some("")).await;
    assert_eq!(done.err, "next: farebox providers enable groq_1\n");
    assert_eq!(done.ok(), "groq_1  available → disabled\n");
    let done = run(&desk, "providers enable groq_1", None).await;
    assert_eq!(done.ok(), "groq_1  disabled → available\n");
    let json = run(&desk, "providers disable groq_2 --json", None).await.json();
    assert_eq!(json["status"], "disabled");
    for verb in ["enable", "disable"] {
        let line = format!("providers {verb} nobody");
        run(&desk, &line, None).await.failed(5, "credential:nobody does not exist");
    }
}

#[tokio::test]
async fn r076_one_or_a_pool_or_all_are_reset() {
    let desk = five().await;
    for name in ["groq_1", "groq_2", "huggingface_1"] {
        desk.attempt(name, 10_000, Served).await;
    }
    run(&desk, "providers reset groq_1", None).await.failed(2, "--yes");
    run(&desk, "providers reset groq_1", Some("no\n")).await.failed(2, "nothing was changed");
    let done = run(&desk, "providers reset groq_1", Some("groq_1\n")).await;
    assert_eq!(done.ok(), "groq_1  14400 characters/day: used 10000 → 0\n");
    let done = run(&desk, "providers reset groq --yes", None).await.ok();
    assert!(done.contains("groq_2  14400 characters/day: used 10000 → 0\n"), "{done}");
    assert_eq!(done.lines().count(), 3);
    let all = run(&desk, "providers reset --all --yes --json", None).await.json();
    let used: Vec<&Value> =
        all.as_array().unwrap().iter().map(|one| &one["usage_percent"]).collect();
    assert_eq!(used, [0, 0, 0, 0, 0]);
    let failed = run(&desk, "providers reset nobody --yes", None).await;
    failed.failed(5, "there is no credential or provider `nobody`");
    run(&desk, "providers reset", None).await.failed(2, "--all");
    run(&desk, "providers reset groq_1 --all", None).await.failed(2, "cannot be used with");
}

#[tokio::test]
async fn limits_of_credentials_are_set_shown_raised_and_reset() {
    let desk = five().await;
    desk.attempt("groq_1", 1_000, Served).await;
    let line = "limits set credential:groq_1 20000characters/day 5usd/month";
    let set = run(&desk, line, None).await.ok();
    assert_eq!(
        set,
        "credential:groq_1  14400 characters/day → 20000 characters/day\n\
         credential:groq_1  none → 5 usd/month\n"
    );
    let shown = run(&desk, "limits show credential:groq_1 --json", None).await.json();
    assert_eq!(shown[1]["used"], 1_000);
    let bump = "limits bump credential:groq_1 +500characters --for 2h";
    let text = run(&desk, bump, None).await.ok();
    assert!(text.contains("20000 characters/day → 20000 characters/day +500 until"), "{text}");
    let text = run(&desk, "limits reset credential:groq_1 --yes", None).await.ok();
    assert!(text.contains("20000 characters/day: used 1000 → 0"), "{text}");
    run(&desk, "limits show credential:nobody", None).await.failed(5, "credential:nobody");
    run(&desk, "limits set credential:groq_1 1chars/day 2chars/day", None)
        .await
        .failed(2, "two limits for");
}
