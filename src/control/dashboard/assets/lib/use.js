// Asking from a component: what was found stays while it is asked again, and a late answer to an
// earlier question is dropped.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

// {value, error, loading, at, other, again}. `key` is what the answer depends on; `other`: what is there
// answers another question. Once that of now has failed, it is not there any more.
export function useAsked(ask, key) {
  const [state, set] = useState({ value: null, error: null, loading: true, at: null, key });
  const running = useRef(null);
  const again = useCallback(async () => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    set((was) => ({ ...was, loading: true }));
    try {
      const value = await ask(mine.signal);
      if (!mine.signal.aborted) set({ value, error: null, loading: false, at: Date.now(), key });
    } catch (error) {
      if (!mine.signal.aborted) set((was) => ({ ...was, value: was.key === key ? was.value : null, error, loading: false, key }));
    }
  }, [key]);
  // At once, and not after the next picture.
  useLayoutEffect(() => {
    again();
    return () => running.current?.abort();
  }, [again]);
  return { ...state, other: state.key !== key, again };
}

// Runs `what` when things move, at most once in `pause` milliseconds, and not while hidden.
export function useCalmly(what, pause = 1000) {
  const waiting = useRef(null);
  const latest = useRef(what);
  latest.current = what;
  useEffect(() => () => clearTimeout(waiting.current), []);
  return useCallback(() => {
    if (waiting.current) return;
    waiting.current = setTimeout(() => {
      waiting.current = null;
      if (!document.hidden) latest.current();
    }, pause);
  }, [pause]);
}
