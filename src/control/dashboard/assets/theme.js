// Sets the chosen theme before anything is drawn. A classic script, so that it runs at once.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("farebox.theme");
  } catch {
    // Storage may be forbidden; the system's theme is used then.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
