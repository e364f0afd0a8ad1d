"""The real `cohere` Python package; see checks.py for the environment.

It tries a 429 three times whatever the answer says, and sleeps up to a minute for `retry-after`;
so what raises at once is the client that is told `max_retries=0`, which is what users need too.
"""

import cohere
import httpx
from cohere.core.api_error import ApiError

from checks import KEY, SPENT_KEY, URL, count, play, refused_once, run

ASK = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Count."}]}


def client(key):
    http = httpx.Client(event_hooks={"request": [count]})
    return cohere.ClientV2(api_key=key, base_url=URL, httpx_client=http, max_retries=0)


def chat(api):
    answer = api.chat(**ASK)
    assert answer.message.content[0].text, answer
    assert answer.usage.billed_units.output_tokens > 0, answer.usage
    return answer


def stream(api):
    events = list(api.chat_stream(**ASK))
    assert events[0].type == "message-start" and events[-1].type == "message-end", events
    said = [e.delta.message.content.text for e in events if e.type == "content-delta"]
    whole = chat(api)
    assert "".join(said) == whole.message.content[0].text
    assert events[-1].delta.usage == whole.usage, events[-1]


def billed_and_raw(api):
    options = {"additional_headers": play(input=5, output=418)}
    usage = api.chat(**ASK, request_options=options).usage
    assert (usage.billed_units.input_tokens, usage.billed_units.output_tokens) == (5, 418), usage
    assert (usage.tokens.input_tokens, usage.tokens.output_tokens) == (71, 420), usage


def embed(api):
    answer = api.embed(
        model="embed-v4.0",
        texts=["tram", "bus"],
        input_type="search_query",
        embedding_types=["float"],
    )
    assert [len(vector) for vector in answer.embeddings.float_] == [16, 16], answer
    assert answer.meta.billed_units.input_tokens > 0, answer.meta


def rerank(api):
    answer = api.rerank(model="rerank-v3.5", query="tram", documents=["a", "b", "c"], top_n=2)
    assert [result.index for result in answer.results] == [0, 1], answer
    assert answer.meta.billed_units.search_units == 1, answer.meta


def wrong_key(_api):
    try:
        chat(client("sk-fb-wrong"))
    except cohere.UnauthorizedError as refusal:
        assert refusal.status_code == 401, refusal
    else:
        raise AssertionError("a wrong key was accepted")


def over_budget(_api):
    spent = client(SPENT_KEY)
    for call in (lambda: chat(spent), lambda: list(spent.chat_stream(**ASK))):
        refused_once(call, ApiError, lambda refusal: refusal.status_code)


CHECKS = [chat, stream, billed_and_raw, embed, rerank]

if __name__ == "__main__":
    run("cohere", client(KEY), CHECKS, [wrong_key, over_budget])
