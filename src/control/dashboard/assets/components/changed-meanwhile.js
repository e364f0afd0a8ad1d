// What a form says when somebody else was faster (412), and opening things with their tag, so that
// this is noticed.
import { html } from "../lib/html.js";
import { getTagged } from "../lib/api.js";
import { failed } from "../lib/toasts.js";

// now: what stands there, where the form has read it and saves for that from now on.
export function ChangedMeanwhile({ error, now }) {
  if (error?.status !== 412) return null;
  const next = now ? html`Now it is <bdi>${now}</bdi>. Save again to put what you typed in its place.` : "Close this, look at what stands there now, then change it again.";
  return html`<p class="alert warn"><span>Somebody else has changed it meanwhile. ${next}</span></p>`;
}

// Runs `change`. Where somebody else was faster, `readAgain` gets what stands there now and its tag,
// and the refusal is thrown all the same.
export async function onCondition(change, path, readAgain) {
  try {
    await change();
  } catch (why) {
    // Without it the form says that it must be opened again.
    if (why.status === 412) await getTagged(path).then(({ value, tag }) => readAgain({ now: value, tag }), () => {});
    throw why;
  }
}

// Gives `show` the object as it stands now, and its tag.
export async function opened(path, name, show) {
  try {
    const { value, tag } = await getTagged(path);
    show(value, tag);
  } catch (why) {
    failed(`${name} could not be opened`, why);
  }
}
