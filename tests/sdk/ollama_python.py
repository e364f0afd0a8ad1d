"""The real `ollama` Python package; see checks.py for the environment."""

import ollama

from checks import KEY, SPENT_KEY, URL, count, play, refused_once, run

ASK = {"model": "llama3.2", "messages": [{"role": "user", "content": "Count."}]}


def client(key, **script):
    headers = {"Authorization": f"Bearer {key}"} | (play(**script) if script else {})
    return ollama.Client(host=URL, headers=headers, event_hooks={"request": [count]})


def chat(api):
    answer = api.chat(**ASK)
    assert answer.done and answer.message.content and answer.eval_count > 0, answer
    return answer


def chat_stream(api):
    lines = list(api.chat(**ASK, stream=True))
    whole = chat(api)
    assert "".join(line.message.content for line in lines) == whole.message.content
    assert lines[-1].done and lines[-1].eval_count == whole.eval_count, lines[-1]


def generate(api):
    lines = list(api.generate(model="llama3.2", prompt="Count.", stream=True))
    whole = api.generate(model="llama3.2", prompt="Count.")
    assert "".join(line.response for line in lines) == whole.response
    assert lines[-1].prompt_eval_count == whole.prompt_eval_count > 0, whole


def figures(_api):
    answer = client(KEY, input=26, cached=20, output=5).chat(**ASK)
    assert (answer.prompt_eval_count, answer.eval_count) == (26, 5), answer


def embed(api):
    answer = api.embed(model="all-minilm", input=["tram", "bus"])
    assert [len(vector) for vector in answer.embeddings] == [16, 16], answer
    assert answer.prompt_eval_count > 0, answer


def models(api):
    assert "llama3.2:latest" in [model.model for model in api.list().models]


def wrong_key(_api):
    try:
        chat(client("sk-fb-wrong"))
    except ollama.ResponseError as refusal:
        assert refusal.status_code == 401, refusal
    else:
        raise AssertionError("a wrong key was accepted")


def over_budget(_api):
    spent = client(SPENT_KEY)
    for call in (lambda: chat(spent), lambda: list(spent.chat(**ASK, stream=True))):
        refused_once(call, ollama.ResponseError, lambda refusal: refusal.status_code)


CHECKS = [chat, chat_stream, generate, figures, embed, models]

if __name__ == "__main__":
    run("ollama", client(KEY), CHECKS, [wrong_key, over_budget])
