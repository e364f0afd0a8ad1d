// What every component is written with: markup as tagged templates, and hooks.
// Text that is put into markup is text: names with tags in them stay inert.
import { h, render, Fragment, createPortal } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { h, render, Fragment, createPortal };
export {
  useCallback,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../vendor/preact-hooks.js";
