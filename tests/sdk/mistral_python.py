"""The real `mistralai` Python package; see checks.py for the environment."""

import httpx2
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from checks import KEY, SPENT_KEY, URL, count, play, refused_once, run

ASK = {"model": "mistral-small-latest", "messages": [{"role": "user", "content": "Count."}]}


def client(key):
    http = httpx2.Client(event_hooks={"request": [count]}, follow_redirects=True)
    return Mistral(api_key=key, server_url=f"{URL}/mistral", client=http)


def chat(api):
    answer = api.chat.complete(**ASK)
    assert answer.choices[0].message.content and answer.usage.total_tokens > 0, answer
    return answer


def stream(api):
    chunks = [event.data for event in api.chat.stream(**ASK)]
    whole = chat(api)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == whole.choices[0].message.content, said
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens, chunks[-1]


def cached(api):
    script = play(input=64, cached=48, output=30)
    usage = api.chat.complete(**ASK, http_headers=script).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (64, 30), usage
    assert usage.model_dump(by_alias=True)["num_cached_tokens"] == 48, usage


def embeddings(api):
    answer = api.embeddings.create(model="mistral-embed", inputs=["tram", "bus"])
    assert [len(e.embedding) for e in answer.data] == [16, 16], answer


def ocr(api):
    document = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
    answer = api.ocr.process(
        model="mistral-ocr-latest", document=document, http_headers=play(pages=3)
    )
    assert answer.usage_info.pages_processed == len(answer.pages) == 3, answer


def wrong_key(_api):
    try:
        chat(client("sk-fb-wrong"))
    except SDKError as refusal:
        assert refusal.status_code == 401, refusal
    else:
        raise AssertionError("a wrong key was accepted")


def over_budget(_api):
    spent = client(SPENT_KEY)
    for call in (lambda: chat(spent), lambda: list(spent.chat.stream(**ASK))):
        refused_once(call, SDKError, lambda refusal: refusal.status_code)


CHECKS = [chat, stream, cached, embeddings, ocr]

if __name__ == "__main__":
    run("mistral", client(KEY), CHECKS, [wrong_key, over_budget])
