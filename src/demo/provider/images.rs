//! Answers of OpenAI's `/v1/images/generations`: `gpt-image-*` reports tokens, `dall-e-*` nothing
//! but the images. The images are the first bytes of one.

use super::CREATED;
use super::draft::Draft;
use super::plan::Plan;
use crate::usage::Figure;
use std::fmt::Write;

const FORM: &str = "\"size\":\"1024x1024\",\"quality\":\"high\",\"background\":\"opaque\",\
                    \"output_format\":\"png\"";

/// The whole answer as one JSON body.
pub(super) fn json(plan: &Plan) -> String {
    let image = match by_token(plan) {
        true => "{\"b64_json\":\"iVBORw0KGgo=\"}",
        false => "{\"url\":\"https://img.example/1.png\",\"revised_prompt\":\"a tram\"}",
    };
    let count = usize::try_from(plan.order.answers).unwrap_or(1);
    let images = vec![image; count].join(",");
    match by_token(plan) {
        true => {
            format!("{{\"created\":{CREATED},{FORM},\"data\":[{images}]{}}}", field(plan))
        }
        false => format!("{{\"created\":{CREATED},\"data\":[{images}]}}"),
    }
}

/// The events of the stream: what can be seen so far, then each image.
pub(super) fn stream(plan: &Plan) -> Draft {
    let mut draft = Draft::default();
    let mut send = |name: &str, fields: &str, generated: u64| {
        let _ = write!(
            draft.text(),
            "event: {name}\ndata: {{\"type\":\"{name}\",{fields},\"created_at\":{CREATED},{FORM}}}\n\n"
        );
        draft.end_event(generated);
    };
    let partial = "\"b64_json\":\"iVBO\",\"partial_image_index\":0";
    send("image_generation.partial_image", partial, 0);
    let done = format!("\"b64_json\":\"iVBORw0KGgo=\"{}", field(plan));
    send("image_generation.completed", &done, plan.parts());
    draft
}

fn by_token(plan: &Plan) -> bool {
    plan.tokens.output > 0
}

fn field(plan: &Plan) -> String {
    let t = plan.tokens;
    let image = plan.extras.get(Figure::ImageOutput);
    let usage = plan.usage(|| {
        format!(
            "{{\"input_tokens\":{},\"input_tokens_details\":{{\"text_tokens\":{},\
             \"image_tokens\":0}},\"output_tokens\":{},\"total_tokens\":{},\
             \"output_tokens_details\":{{\"image_tokens\":{image},\"text_tokens\":{}}}}}",
            t.input,
            t.input,
            t.output,
            t.total(),
            t.output.saturating_sub(image)
        )
    });
    usage.map(|usage| format!(",\"usage\":{usage}")).unwrap_or_default()
}
