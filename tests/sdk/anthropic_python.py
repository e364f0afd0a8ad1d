"""The real `anthropic` Python package; see checks.py for the environment."""

import anthropic

from checks import KEY, SPENT_KEY, URL, count, play, refused_once, run

MODEL = "claude-sonnet-4-6"
ASK = {"model": MODEL, "max_tokens": 300, "messages": [{"role": "user", "content": "Count."}]}


def client(key):
    http = anthropic.DefaultHttpxClient(event_hooks={"request": [count]})
    return anthropic.Anthropic(base_url=URL, api_key=key, http_client=http)


def messages(api):
    answer = api.messages.create(**ASK)
    assert answer.content[0].text and answer.stop_reason == "end_turn", answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage
    return answer


def stream(api):
    with api.messages.stream(**ASK) as events:
        text = "".join(events.text_stream)
        final = events.get_final_message()
    assert text == messages(api).content[0].text, text
    assert final.usage.output_tokens == messages(api).usage.output_tokens, final.usage


def raw_stream(api):
    kinds = [event.type for event in api.messages.create(**ASK, stream=True)]
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop", kinds


def cached(api):
    script = play(input=4096, cached=1800, cache_write=248, cache_write_1h=100, output=503)
    usage = api.messages.create(**ASK, extra_headers=script).usage
    assert (usage.input_tokens, usage.output_tokens) == (2048, 503), usage
    assert usage.cache_read_input_tokens == 1800, usage
    assert usage.cache_creation.ephemeral_5m_input_tokens == 148, usage
    assert usage.cache_creation.ephemeral_1h_input_tokens == 100, usage


def server_tools(api):
    script = play(input=10682, cached=0, tool_input=8003, web_searches=1, output=510)
    with api.messages.stream(**ASK, extra_headers=script) as events:
        usage = events.get_final_message().usage
    assert (usage.input_tokens, usage.output_tokens) == (10682, 510), usage
    assert usage.server_tool_use.web_search_requests == 1, usage


def count_tokens(api):
    assert api.messages.count_tokens(model=MODEL, messages=ASK["messages"]).input_tokens > 0


def wrong_key(_api):
    try:
        messages(client("sk-fb-wrong"))
    except anthropic.AuthenticationError as refusal:
        assert refusal.body["error"]["type"] == "authentication_error", refusal
    else:
        raise AssertionError("a wrong key was accepted")


def over_budget(_api):
    spent = client(SPENT_KEY)
    for call in (lambda: messages(spent), lambda: raw_stream(spent)):
        refused_once(call, anthropic.RateLimitError, lambda refusal: refusal.status_code)


CHECKS = [messages, stream, raw_stream, cached, server_tools, count_tokens]

if __name__ == "__main__":
    run("anthropic", client(KEY), CHECKS, [wrong_key, over_budget])
