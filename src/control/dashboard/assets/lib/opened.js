// Opening an object to change it, as it stands now and with its tag: so the second of two who
// change it is told.
import { getTagged } from "./api.js";
import { failed } from "./toasts.js";

// `show` gets the object and its tag; `name` is what people call it.
export async function opened(path, name, show) {
  try {
    const { value, tag } = await getTagged(path);
    show(value, tag);
  } catch (why) {
    failed(`${name} could not be opened`, why);
  }
}
