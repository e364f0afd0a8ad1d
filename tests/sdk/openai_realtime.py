"""The realtime client of the real `openai` Python package; see checks.py for the environment."""

import openai
from websockets.exceptions import InvalidStatus

from checks import KEY, SPENT_KEY, URL, play, run

MODEL = "gpt-realtime"
TEXT = {"type": "realtime", "output_modalities": ["text"]}
ITEM = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Count the fares."}],
}


def client(key):
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=key)


def answer(connection):
    """All events of one response, the last one being `response.done`."""
    connection.response.create()
    events = []
    for event in connection:
        events.append(event)
        if event.type == "response.done":
            return events
    raise AssertionError("the connection ended before the response")


def text(api):
    with api.realtime.connect(model=MODEL) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session=TEXT)
        assert connection.recv().type == "session.updated"
        connection.conversation.item.create(item=ITEM)
        assert connection.recv().type == "conversation.item.added"
        events = answer(connection)
        said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        done = next(e for e in events if e.type == "response.output_text.done")
        assert said == done.text, (said, done.text)
        usage = events[-1].response.usage
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens > 0, usage


def two_turns_with_sound(api):
    script = play(input=132, cached=64, audio_input=13, output=121)
    with api.realtime.connect(model=MODEL, extra_headers=script) as connection:
        assert connection.recv().type == "session.created"
        for _ in range(2):
            response = answer(connection)[-1].response
            usage = response.usage
            assert response.status == "completed", response
            assert (usage.input_tokens, usage.output_tokens) == (132, 121), usage
            assert usage.input_token_details.cached_tokens == 64, usage
            assert usage.input_token_details.audio_tokens == 13, usage
            assert usage.output_token_details.audio_tokens == 91, usage


def over_budget(_api):
    """Refused before the upgrade: the handshake itself is answered with 429."""
    try:
        with client(SPENT_KEY).realtime.connect(model=MODEL) as connection:
            connection.recv()
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 429, refusal
    else:
        raise AssertionError("a conversation over the budget was admitted")


CHECKS = [text, two_turns_with_sound]

if __name__ == "__main__":
    run("realtime", client(KEY), CHECKS, [over_budget])
