"""The real `openai` Python package beyond text: sound, images, moderations, and what is answered
now and fetched later. See checks.py for the environment."""

import openai

from checks import KEY, SPENT_KEY, URL, count, play, refused_once, run

SOUND = ("tram.mp3", b"x" * 48_000, "audio/mpeg")


def client(key):
    http = openai.DefaultHttpxClient(event_hooks={"request": [count]})
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=key, http_client=http)


def transcription(api):
    answer = api.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND)
    assert answer.text and answer.usage.type == "tokens", answer
    assert answer.usage.input_token_details.audio_tokens > 0, answer.usage
    answer = api.audio.transcriptions.create(model="whisper-1", file=SOUND)
    assert (answer.usage.type, answer.usage.seconds) == ("duration", 3), answer.usage


def transcription_stream(api):
    events = list(
        api.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND, stream=True)
    )
    said = "".join(e.delta for e in events if e.type == "transcript.text.delta")
    assert events[-1].type == "transcript.text.done" and events[-1].text == said, events[-1]
    assert events[-1].usage.total_tokens > 0, events[-1]


def speech(api):
    with api.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Mind the gap."
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg", answer.headers
        assert answer.read().startswith(b"\xff\xfb")


def images(api):
    answer = api.images.generate(model="gpt-image-1", prompt="a tram")
    assert answer.data[0].b64_json and answer.usage.output_tokens > 0, answer
    events = list(api.images.generate(model="gpt-image-1", prompt="a tram", stream=True))
    assert events[-1].type == "image_generation.completed", events[-1]
    assert events[-1].usage.total_tokens == answer.usage.total_tokens, events[-1]


def moderations(api):
    assert not api.moderations.create(input="a tram").results[0].flagged


def background(api):
    begun = api.responses.create(
        model="gpt-5-mini", input="Count.", background=True, extra_headers=play(polls=1)
    )
    assert begun.status == "queued" and begun.usage is None, begun
    assert api.responses.retrieve(begun.id).status == "in_progress"
    done = api.responses.retrieve(begun.id)
    assert done.status == "completed" and done.usage.total_tokens > 0, done


def batches(api):
    begun = api.batches.create(
        input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert begun.status == "validating" and begun.usage is None, begun
    done = api.batches.retrieve(begun.id)
    assert done.status == "completed" and done.usage.total_tokens > 0, done


def over_budget(_api):
    spent = client(SPENT_KEY)
    for call in (lambda: transcription(spent), lambda: speech(spent), lambda: images(spent)):
        refused_once(call, openai.RateLimitError, lambda refusal: refusal.status_code)


CHECKS = [transcription, transcription_stream, speech, images, moderations, background, batches]

if __name__ == "__main__":
    run("media", client(KEY), CHECKS, [over_budget])
