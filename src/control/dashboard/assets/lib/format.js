// Figures as people read them. Money comes as exact decimal text and is only rounded to be shown.

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");

// "11.25" → "$11.25"; below a cent as many places as it takes to see it, up to nine.
export function usd(text) {
  if (text === null || text === undefined) return "–";
  const negative = String(text).startsWith("-");
  const [whole, part = ""] = String(text).replace("-", "").split(".");
  const nano = BigInt(whole) * 1_000_000_000n + BigInt(part.padEnd(9, "0").slice(0, 9));
  const places = nano === 0n || nano >= 10_000_000n ? 2 : nano >= 10_000n ? 6 : 9;
  const unit = 10n ** BigInt(9 - places);
  const rounded = (nano + unit / 2n) / unit;
  const digits = String(rounded).padStart(places + 1, "0");
  const shown = places > 2 ? digits.slice(-places).replace(/0+$/, "").padEnd(2, "0") : digits.slice(-places);
  return `${negative ? "-" : ""}$${grouped(digits.slice(0, -places))}.${shown}`;
}

// All digits, for titles.
export const exactUsd = (text) => (text === null || text === undefined ? "" : `$${text}`);

// Whole per cent, half up.
export const percent = (value) =>
  value === null || value === undefined ? "No limit" : `${Math.floor(value + 0.5)}%`;

export function count(value) {
  if (value === null || value === undefined) return "–";
  return grouped(String(value));
}

// Milliseconds: "812 ms", "1.2 s", "3 min 05 s".
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${String(Math.floor(ms / 1000) % 60).padStart(2, "0")} s`;
}

// "1.2M" where a column is narrow.
export function short(value) {
  const steps = [[1e9, "G"], [1e6, "M"], [1e4, "k"]];
  for (const [least, letter] of steps) {
    if (value >= least) {
      const unit = letter === "k" ? 1e3 : least;
      return `${(value / unit).toFixed(value / unit < 100 ? 1 : 0)}${letter}`;
    }
  }
  return count(value);
}

// An amount in its meter: dollars are text, the rest are whole numbers.
export const amount = (meter, value) => (meter === "usd" ? usd(value) : count(value));

export const METERS = {
  usd: "Budget",
  requests: "Requests",
  tokens: "Tokens",
  characters: "Characters",
  concurrent: "At the same time",
};

export const per = (window) => (window && window !== "total" ? `per ${window}` : window === "total" ? "in total" : "");

// CSV. A cell that a spreadsheet would take for a formula is marked as text.
export function csv(rows) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
