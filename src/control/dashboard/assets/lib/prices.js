// Words for prices. They are decimal text of dollars, and shown with all their digits.

const TOKENS = ["input", "cached_input", "cache_write", "cache_write_5m", "cache_write_30m", "cache_write_1h", "cache_write_12h", "audio_input", "cached_audio", "image_input", "cached_image", "video_input", "document_input", "tool_use_input", "output", "reasoning", "audio_output", "image_output"];

// What is priced by the piece; everything else is priced for a million tokens.
const EACH = {
  web_search: "one search",
  web_fetch: "one page fetched",
  web_search_query: "one search query",
  grounded_request: "one grounded call",
  audio_second: "one second",
  character: "one character",
  image: "one image",
  image_in: "one image sent",
  page: "one page",
  search_unit: "one search unit",
  request: "one call",
};

// In the order of a bill; what is not known here comes last.
const ORDER = new Map([...TOKENS, ...Object.keys(EACH)].map((name, at) => [name, at]));
export const asBilled = (names) => [...names].sort((a, b) => (ORDER.get(a) ?? ORDER.size) - (ORDER.get(b) ?? ORDER.size));

export const classText = (name) => {
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
};
export const unitOf = (name) => EACH[name] || "1M tokens";
// All digits, and cents at least.
export function dollars(text) {
  if (text === null || text === undefined) return "none";
  const [whole, part = ""] = text.split(".");
  return `$${whole}.${part.padEnd(2, "0")}`;
}

// "standard", "flex", "18:00-02:00 UTC".
export const conditionText = ({ tier, hours }) => tier || (hours ? `${hours} UTC` : "standard");
