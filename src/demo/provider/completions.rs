//! Answers of `/v1/chat/completions` and the legacy `/v1/completions`, JSON and SSE, with the
//! field order of the real API.

use super::CREATED;
use super::draft::{Draft, quoted};
use super::mistral;
use super::plan::{Block, Plan};
use super::route::Endpoint;
use super::vendor::Vendor;
use std::fmt::Write;

/// The whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    let form = Form::of(plan);
    let text = quoted(&plan.chunks.concat());
    let mut body = format!(
        "{{\"id\":\"{}\",\"object\":\"{}\",\"created\":{CREATED},\"model\":{},\"choices\":[",
        form.id, form.object, form.model
    );
    for i in 0..plan.order.answers {
        let comma = if i == 0 { "" } else { "," };
        let finish = form.finish;
        let _ = match form.chat {
            true => write!(
                body,
                "{comma}{{\"index\":{i},\"message\":{{\"role\":\"assistant\",\"content\":{text},\
                 \"refusal\":null,\"annotations\":[]}},\"logprobs\":null,\
                 \"finish_reason\":\"{finish}\"}}"
            ),
            false => write!(
                body,
                "{comma}{{\"text\":{text},\"index\":{i},\"logprobs\":null,\
                 \"finish_reason\":\"{finish}\"}}"
            ),
        };
    }
    body.push(']');
    if let Some(usage) = usage(plan) {
        let _ = write!(body, ",\"usage\":{usage}");
    }
    if form.openai {
        let tier = &form.tier;
        let _ = write!(body, ",\"service_tier\":{tier},\"system_fingerprint\":\"fp_9c1d2e\"");
    }
    body.push('}');
    body
}

/// The answer's id.
pub(super) fn id(plan: &Plan) -> String {
    let prefix = match plan.order.endpoint {
        Endpoint::Chat => "chatcmpl",
        _ => "cmpl",
    };
    format!("{prefix}-{}", plan.serial())
}

/// The events of the stream.
pub(super) fn stream(plan: &Plan) -> Draft {
    let form = Form::of(plan);
    let answers = plan.order.answers;
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(4));
    let mut generated = 0_u64;
    if form.chat {
        for i in 0..answers {
            form.event(&mut draft, i, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
            draft.end_event(generated);
        }
    }
    for chunk in &plan.chunks {
        let text = quoted(chunk);
        let delta = if form.chat { format!("{{\"content\":{text}}}") } else { text };
        for i in 0..answers {
            form.event(&mut draft, i, &delta);
            generated += 1;
            draft.end_event(generated);
        }
    }
    for i in 0..answers {
        form.last_event(&mut draft, i);
        draft.end_event(generated);
    }
    if let (true, false, Some(usage)) = (plan.order.include_usage, form.mistral, usage(plan)) {
        form.usage_event(&mut draft, &usage);
        draft.end_event(generated);
    }
    draft.done(generated);
    draft
}

/// What all events of an answer share.
struct Form<'a> {
    plan: &'a Plan,
    chat: bool,
    /// Chat with the fields that are OpenAI's own.
    openai: bool,
    /// The figures stand in the last event of the text, whether asked for or not.
    mistral: bool,
    id: String,
    object: &'static str,
    model: String,
    tier: String,
    finish: &'static str,
    /// `,"usage":null`, where usage was asked for and will come.
    usage: &'static str,
}

impl<'a> Form<'a> {
    fn of(plan: &'a Plan) -> Self {
        let chat = plan.order.endpoint == Endpoint::Chat;
        let mistral = plan.order.vendor == Vendor::Mistral;
        let asked = plan.order.include_usage && !mistral && !matches!(plan.block, Block::Absent);
        Self {
            plan,
            chat,
            openai: chat && !mistral,
            mistral,
            id: id(plan),
            object: match (chat, plan.order.stream) {
                (false, _) => "text_completion",
                (true, false) => "chat.completion",
                (true, true) => "chat.completion.chunk",
            },
            model: quoted(&plan.model),
            tier: quoted(&plan.tier),
            finish: if plan.cut_short { "length" } else { "stop" },
            usage: if asked { ",\"usage\":null" } else { "" },
        }
    }

    fn open(&self, draft: &mut Draft) {
        let Self { id, object, model, .. } = self;
        let fingerprint = if self.openai { ",\"system_fingerprint\":\"fp_9c1d2e\"" } else { "" };
        let _ = write!(
            draft.text(),
            "data: {{\"id\":\"{id}\",\"object\":\"{object}\",\"created\":{CREATED},\
             \"model\":{model}{fingerprint},\"choices\":["
        );
    }

    fn close(&self, draft: &mut Draft, usage: &str, noise: &str) {
        let text = draft.text();
        let _ = write!(text, "]{usage}");
        if self.openai {
            let _ = write!(text, ",\"service_tier\":{}", self.tier);
            if self.plan.order.obfuscate {
                let _ = write!(text, ",\"obfuscation\":\"{noise}\"");
            }
        }
        text.push_str("}\n\n");
    }

    fn choice(&self, draft: &mut Draft, index: u64, delta: &str, finish: &str, usage: &str) {
        self.open(draft);
        let noise = self.plan.noise(draft.events());
        let text = draft.text();
        let _ = match self.chat {
            true => write!(text, "{{\"index\":{index},\"delta\":{delta}"),
            false => write!(text, "{{\"text\":{delta},\"index\":{index}"),
        };
        let _ = write!(text, ",\"logprobs\":null,\"finish_reason\":{finish}}}");
        self.close(draft, usage, noise);
    }

    fn event(&self, draft: &mut Draft, index: u64, delta: &str) {
        self.choice(draft, index, delta, "null", self.usage);
    }

    fn last_event(&self, draft: &mut Draft, index: u64) {
        let nothing = if self.chat { "{}" } else { "\"\"" };
        let finish = quoted(self.finish);
        let last = self.mistral && index + 1 == self.plan.order.answers;
        match usage(self.plan) {
            Some(usage) if last => {
                let usage = format!(",\"usage\":{usage}");
                self.choice(draft, index, nothing, &finish, &usage);
            }
            _ => self.choice(draft, index, nothing, &finish, self.usage),
        }
    }

    fn usage_event(&self, draft: &mut Draft, usage: &str) {
        self.open(draft);
        self.close(draft, &format!(",\"usage\":{usage}"), "");
    }
}

fn usage(plan: &Plan) -> Option<String> {
    plan.usage(|| {
        if plan.order.vendor == Vendor::Mistral {
            return mistral::usage(plan);
        }
        let t = plan.tokens;
        let (input, output, total) = (t.input, t.output, t.total());
        let totals = format!(
            "{{\"prompt_tokens\":{input},\"completion_tokens\":{output},\"total_tokens\":{total}"
        );
        if plan.order.endpoint == Endpoint::Completions {
            return totals + "}";
        }
        let write = match t.cache_write {
            0 => String::new(),
            write => format!(",\"cache_write_tokens\":{write}"),
        };
        format!(
            "{totals},\"prompt_tokens_details\":{{\"cached_tokens\":{},\"audio_tokens\":0{write}}},\
             \"completion_tokens_details\":{{\"reasoning_tokens\":{},\"audio_tokens\":0,\
             \"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}",
            t.cached, t.reasoning
        )
    })
}
