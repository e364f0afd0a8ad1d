// Two who change the same thing: what is opened has a tag, and a form that sends an old one (412) is
// told, keeps what was typed, and may be sent again.
import { html, useState } from "../lib/html.js";
import { getTagged } from "../lib/api.js";
import { failed } from "../lib/toasts.js";

// Gives `show` the object as it stands now, and its tag.
export async function opened(path, name, show) {
  try {
    const { value, tag } = await getTagged(path);
    show(value, tag);
  } catch (why) {
    failed(`${name} could not be opened`, why);
  }
}

// [what was read last, a function that runs `send` with the header of its tag]. It is what was read
// when the form was opened, however often the page behind reads it again.
export function useOpened(address, value, tag) {
  const [read, readAgain] = useState({ value, tag });
  const sent = async (send) => {
    try {
      await send(read.tag ? { headers: { "if-match": read.tag } } : {});
    } catch (why) {
      if (why.status === 412) readAgain(await getTagged(address));
      throw why;
    }
  };
  return [read.value, sent];
}

// children: what stands there now, in words.
export const ChangedMeanwhile = ({ error, children }) => error?.status === 412 && html`<p class="alert warn"><span>Somebody else has changed it meanwhile. ${children} Save again to put what you typed in its place.</span></p>`;
