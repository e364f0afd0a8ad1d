"""The real `openai` Python package against a running Farebox, whose provider is the simulated one.

Environment: OPENAI_BASE_URL, OPENAI_API_KEY (a key with money), FAREBOX_SPENT_KEY (a key whose
budget is spent; without it the checks of refusals are left out). Prints one `ok NAME` line a check;
the first failure ends it with status 1.
"""

import os
import sys

import openai

MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Count the fares."}]

attempts = 0


def count(_request):
    global attempts
    attempts += 1


def client(key):
    http = openai.DefaultHttpxClient(event_hooks={"request": [count]})
    return openai.OpenAI(api_key=key, http_client=http)


def chat(api):
    answer = api.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content, answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    return answer


def stream_with_usage(api):
    chunks = list(
        api.chat.completions.create(
            model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0, chunks[-1]
    assert all("usage" in chunk.model_fields_set for chunk in chunks), "usage: null everywhere"
    assert text(chunks) == chat(api).choices[0].message.content


def stream_without_usage(api):
    chunks = list(api.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))
    assert all("usage" not in chunk.model_fields_set for chunk in chunks), "usage was not asked for"
    assert all(chunk.choices for chunk in chunks), "a chunk was not asked for"
    assert text(chunks) == chat(api).choices[0].message.content


def text(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def completions(api):
    answer = api.completions.create(model="gpt-3.5-turbo-instruct", prompt="Count.")
    assert answer.choices[0].text and answer.usage.total_tokens > 0, answer


def responses(api):
    answer = api.responses.create(model=MODEL, input="Count the fares.")
    assert answer.output_text and answer.usage.output_tokens > 0, answer


def responses_stream(api):
    with api.responses.stream(model=MODEL, input="Count the fares.") as stream:
        deltas = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert final.status == "completed" and final.usage.total_tokens > 0, final
    assert deltas == final.output_text, (deltas, final.output_text)


def embeddings(api):
    answer = api.embeddings.create(model="text-embedding-3-small", input=["tram", "bus"])
    assert [len(e.embedding) for e in answer.data] == [16, 16], answer
    assert answer.usage.total_tokens > 0


def models(api):
    assert MODEL in [model.id for model in api.models.list()]


def wrong_key(_api):
    try:
        chat(client("sk-fb-wrong"))
    except openai.AuthenticationError as refusal:
        assert refusal.code == "invalid_api_key", refusal
    else:
        raise AssertionError("a wrong key was accepted")


def over_budget(_api):
    global attempts
    spent = client(os.environ["FAREBOX_SPENT_KEY"])
    for call in (
        lambda: chat(spent),
        lambda: list(spent.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)),
        lambda: embeddings(spent),
    ):
        attempts = 0
        try:
            call()
        except openai.RateLimitError as refusal:
            assert refusal.code == "insufficient_quota", refusal
        else:
            raise AssertionError("a call over the budget was admitted")
        assert attempts == 1, f"{attempts} attempts"


CHECKS = [
    chat,
    stream_with_usage,
    stream_without_usage,
    completions,
    responses,
    responses_stream,
    embeddings,
    models,
]
REFUSALS = [wrong_key, over_budget]

if __name__ == "__main__":
    api = client(os.environ["OPENAI_API_KEY"])
    for check in CHECKS + (REFUSALS if "FAREBOX_SPENT_KEY" in os.environ else []):
        try:
            check(api)
        except Exception as why:
            sys.exit(f"failed python.{check.__name__}: {type(why).__name__}: {why}")
        print(f"ok python.{check.__name__}", flush=True)
