"""The real `google-genai` Python package; see checks.py for the environment."""

import httpx
from google import genai
from google.genai import errors, types

from checks import KEY, SPENT_KEY, URL, count, play, refused_once, run

MODEL = "gemini-2.5-flash"
PROMPT = "Count the fares."


def client(key):
    options = types.HttpOptions(
        base_url=URL, httpx_client=httpx.Client(event_hooks={"request": [count]})
    )
    return genai.Client(api_key=key, vertexai=False, http_options=options)


def generate(api):
    answer = api.models.generate_content(model=MODEL, contents=PROMPT)
    usage = answer.usage_metadata
    assert answer.text and usage.prompt_token_count > 0, answer
    parts = usage.candidates_token_count + (usage.thoughts_token_count or 0)
    assert usage.total_token_count == usage.prompt_token_count + parts, usage
    return answer


def stream(api):
    chunks = list(api.models.generate_content_stream(model=MODEL, contents=PROMPT))
    whole = generate(api)
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert chunks[-1].usage_metadata.total_token_count == whole.usage_metadata.total_token_count
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP, chunks[-1]


def cached_thought_and_tools(api):
    script = play(input=3240, cached=30, tool_input=3200, output=210, reasoning=90)
    config = types.GenerateContentConfig(http_options=types.HttpOptions(headers=script))
    usage = api.models.generate_content(
        model=MODEL, contents=PROMPT, config=config
    ).usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (40, 30), usage
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (120, 90), usage
    assert usage.tool_use_prompt_token_count == 3200, usage


def embeddings(api):
    answer = api.models.embed_content(model="gemini-embedding-001", contents=["tram", "bus"])
    assert [len(embedding.values) for embedding in answer.embeddings] == [16, 16], answer


def count_tokens(api):
    assert api.models.count_tokens(model=MODEL, contents=PROMPT).total_tokens > 0


def wrong_key(_api):
    try:
        generate(client("sk-fb-wrong"))
    except errors.ClientError as refusal:
        assert refusal.code == 401, refusal
    else:
        raise AssertionError("a wrong key was accepted")


def over_budget(_api):
    spent = client(SPENT_KEY)
    for call in (lambda: generate(spent), lambda: stream(spent)):
        refused_once(call, errors.ClientError, lambda refusal: refusal.code)


CHECKS = [generate, stream, cached_thought_and_tools, embeddings, count_tokens]

if __name__ == "__main__":
    run("gemini", client(KEY), CHECKS, [wrong_key, over_budget])
