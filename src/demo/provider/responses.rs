//! Answers of `/v1/responses`, JSON and SSE, with the field order of the real API. The usage stands
//! in the last event only, and there is no `[DONE]`.

use super::CREATED;
use super::draft::{Draft, quoted};
use super::plan::Plan;
use std::fmt::Write;

/// The whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    Form::of(plan).finished()
}

/// The events of the stream.
pub(super) fn stream(plan: &Plan) -> Draft {
    let form = Form::of(plan);
    let mut draft = Draft::with_room(plan.chunks.len().saturating_add(8));
    let mut sequence = 0_usize;
    let mut generated = 0_u64;
    let mut send = |name: &str, fields: &str, generated: u64| {
        let _ = write!(
            draft.text(),
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{sequence},{fields}}}\n\n"
        );
        draft.end_event(generated);
        sequence += 1;
    };
    let begun = format!("\"response\":{}", form.response("in_progress", "[]", "null"));
    send("response.created", &begun, 0);
    send("response.in_progress", &begun, 0);
    let at = format!("\"item_id\":\"{}\",\"output_index\":0,\"content_index\":0", form.message);
    let item = format!("\"output_index\":0,\"item\":{}", form.item("in_progress", None));
    send("response.output_item.added", &item, 0);
    send("response.content_part.added", &format!("{at},\"part\":{}", part("\"\"")), 0);
    for (i, chunk) in plan.chunks.iter().enumerate() {
        let delta = quoted(chunk);
        let noise = match plan.order.obfuscate {
            true => format!(",\"obfuscation\":\"{}\"", plan.noise(i)),
            false => String::new(),
        };
        generated += 1;
        let fields = format!("{at},\"delta\":{delta},\"logprobs\":[]{noise}");
        send("response.output_text.delta", &fields, generated);
    }
    let text = &form.text;
    let done = format!("{at},\"text\":{text},\"logprobs\":[]");
    send("response.output_text.done", &done, generated);
    send("response.content_part.done", &format!("{at},\"part\":{}", part(text)), generated);
    let item = format!("\"output_index\":0,\"item\":{}", form.item(form.status, Some(text)));
    send("response.output_item.done", &item, generated);
    let last = format!("response.{}", form.status);
    send(&last, &format!("\"response\":{}", form.finished()), generated);
    draft
}

/// The response while nothing of it exists yet.
pub(super) fn unfinished(plan: &Plan, status: &str) -> String {
    Form::of(plan).response(status, "[]", "null")
}

/// The response's id.
pub(super) fn id(plan: &Plan) -> String {
    format!("resp_{}", plan.serial())
}

/// What all events of an answer share.
struct Form<'a> {
    plan: &'a Plan,
    message: String,
    model: String,
    text: String,
    status: &'static str,
}

impl<'a> Form<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            plan,
            message: format!("msg_{}", plan.serial()),
            model: quoted(&plan.model),
            text: quoted(&plan.chunks.concat()),
            status: if plan.cut_short { "incomplete" } else { "completed" },
        }
    }

    fn finished(&self) -> String {
        let output = format!("[{}]", self.item(self.status, Some(&self.text)));
        self.response(self.status, &output, &usage(self.plan))
    }

    fn item(&self, status: &str, text: Option<&str>) -> String {
        let content = text.map(part).unwrap_or_default();
        format!(
            "{{\"id\":\"{}\",\"type\":\"message\",\"status\":\"{status}\",\"role\":\"assistant\",\
             \"content\":[{content}]}}",
            self.message
        )
    }

    fn response(&self, status: &str, output: &str, usage: &str) -> String {
        let (id, model) = (id(self.plan), &self.model);
        let background = self.plan.order.background;
        let incomplete = match status {
            "incomplete" => "{\"reason\":\"max_output_tokens\"}",
            _ => "null",
        };
        let ceiling = match self.plan.order.ceiling {
            Some(ceiling) => ceiling.to_string(),
            None => "null".to_owned(),
        };
        let tier = quoted(&self.plan.tier);
        format!(
            "{{\"id\":\"{id}\",\"object\":\"response\",\"created_at\":{CREATED},\
             \"status\":\"{status}\",\"background\":{background},\"error\":null,\
             \"incomplete_details\":{incomplete},\"instructions\":null,\
             \"max_output_tokens\":{ceiling},\"model\":{model},\"output\":{output},\
             \"parallel_tool_calls\":true,\"previous_response_id\":null,\
             \"reasoning\":{{\"effort\":\"medium\",\"summary\":null}},\"service_tier\":{tier},\
             \"store\":true,\"temperature\":1.0,\"text\":{{\"format\":{{\"type\":\"text\"}}}},\
             \"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,\"truncation\":\"disabled\",\
             \"usage\":{usage},\"user\":null,\"metadata\":{{}}}}"
        )
    }
}

fn part(text: &str) -> String {
    format!("{{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":{text}}}")
}

fn usage(plan: &Plan) -> String {
    let block = plan.usage(|| {
        let t = plan.tokens;
        let write = match t.cache_write {
            0 => String::new(),
            write => format!(",\"cache_write_tokens\":{write}"),
        };
        format!(
            "{{\"input_tokens\":{},\"input_tokens_details\":{{\"cached_tokens\":{}{write}}},\
             \"output_tokens\":{},\"output_tokens_details\":{{\"reasoning_tokens\":{}}},\
             \"total_tokens\":{}}}",
            t.input,
            t.cached,
            t.output,
            t.reasoning,
            t.total()
        )
    });
    block.unwrap_or_else(|| "null".to_owned())
}
