// A long list, fetched page by page as it is scrolled.
import { useCallback, useLayoutEffect, useRef, useState } from "./html.js";
import { get, query } from "./api.js";

const FIRST = 100;
const MORE = 200;

// {rows, error, loading, more, again, change}; `more` is null where there is nothing more. `again`
// asks for all that is there, so that who has scrolled far stays where they are. Rows of another
// question stay until that of now is answered, or has failed.
export function useList(path, parameters) {
  const asked = path + query(parameters);
  const [state, set] = useState({ rows: null, cursor: null, error: null, loading: true, of: asked });
  const running = useRef(null);
  const length = useRef(0);
  length.current = state.rows?.length || 0;
  const run = useCallback(async (ask) => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    set((was) => ({ ...was, loading: true, error: null }));
    try {
      const page = (after, limit) => get(path + query({ ...parameters, limit, after }), { signal: mine.signal });
      const { rows, cursor } = await ask(page);
      if (!mine.signal.aborted) set((was) => ({ rows: rows(was.rows), cursor, error: null, loading: false, of: asked }));
    } catch (error) {
      if (!mine.signal.aborted) set((was) => ({ ...was, rows: was.of === asked ? was.rows : null, error, loading: false, of: asked }));
    }
  }, [asked]);
  const reload = useCallback((least) => run(async (page) => {
    let { data, next_cursor: cursor } = await page(null, Math.min(MORE, Math.max(FIRST, least)));
    const found = [...data];
    while (cursor && found.length < least) {
      ({ data, next_cursor: cursor } = await page(cursor, MORE));
      found.push(...data);
    }
    return { rows: () => found, cursor };
  }), [run]);
  const next = () => run(async (page) => {
    const { data, next_cursor: cursor } = await page(state.cursor, MORE);
    return { rows: (was) => [...was, ...data], cursor };
  });
  useLayoutEffect(() => {
    reload(FIRST);
    return () => running.current?.abort();
  }, [reload]);
  const again = useCallback(() => reload(length.current), [reload]);
  const change = useCallback((how) => set((was) => {
    const rows = was.rows && how(was.rows);
    return rows === was.rows ? was : { ...was, rows };
  }), []);
  return { ...state, more: state.cursor && !state.error ? () => !state.loading && next() : null, again, change };
}
