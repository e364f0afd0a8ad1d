// A value that components follow. Outside of components it is read and set like a variable.
import { useEffect, useState } from "./html.js";

export function store(first) {
  let value = first;
  const followers = new Set();
  return {
    get: () => value,
    set(next) {
      value = typeof next === "function" ? next(value) : next;
      for (const follower of [...followers]) follower(value);
    },
    follow(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
  };
}

export function useStore(of) {
  const [value, set] = useState(of.get());
  useEffect(() => {
    // It may have changed between the drawing and now.
    set(() => of.get());
    return of.follow((next) => set(() => next));
  }, [of]);
  return value;
}
