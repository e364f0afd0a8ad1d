// A long list, fetched page by page as it is scrolled.
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { get, query } from "./api.js";

const PAGE = 100;

// {rows, error, loading, more, again, change}; `more` is null where there is nothing more.
export function useList(path, parameters) {
  const asked = path + query(parameters);
  const [state, set] = useState({ rows: null, cursor: null, error: null, loading: true });
  const running = useRef(null);
  const fetchFrom = useCallback(async (after, length) => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    set((was) => ({ ...was, loading: true, error: null }));
    try {
      const page = await get(path + query({ ...parameters, limit: Math.min(200, Math.max(PAGE, length)), after }), { signal: mine.signal });
      if (mine.signal.aborted) return;
      set((was) => ({
        rows: after ? [...(was.rows || []), ...page.data] : page.data,
        cursor: page.next_cursor,
        error: null,
        loading: false,
      }));
    } catch (error) {
      if (!mine.signal.aborted) set((was) => ({ ...was, error, loading: false }));
    }
  }, [asked]);
  useEffect(() => {
    fetchFrom(null, PAGE);
    return () => running.current?.abort();
  }, [fetchFrom]);
  const more = state.cursor && !state.error ? () => !state.loading && fetchFrom(state.cursor, 200) : null;
  const again = useCallback(() => fetchFrom(null, PAGE), [fetchFrom]);
  const change = useCallback((how) => set((was) => {
    const rows = was.rows && how(was.rows);
    return rows === was.rows ? was : { ...was, rows };
  }), []);
  return { ...state, more, again, change };
}
