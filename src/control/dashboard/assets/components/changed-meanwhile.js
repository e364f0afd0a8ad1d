// What a form says when somebody else was faster (412), and opening things with their tag, so that
// this is noticed.
import { html } from "../lib/html.js";
import { getTagged } from "../lib/api.js";
import { failed } from "../lib/toasts.js";

export const ChangedMeanwhile = ({ error }) => error?.status === 412 && html`<p class="alert warn">Somebody else has changed it meanwhile. Close this, look at what stands there now, then change it again.</p>`;

// Gives `show` the object as it stands now, and its tag.
export async function opened(path, name, show) {
  try {
    const { value, tag } = await getTagged(path);
    show(value, tag);
  } catch (why) {
    failed(`${name} could not be opened`, why);
  }
}
