/**
 * Return `text` with `{name}` replaced by the values; every visible text of the page passes through here.
 * The text with its placeholders is the key of a catalogue.
 * @param {string} text
 * @param {Record<string, string|number>} [values]
 * @returns {string}
 */
export function t(text, values) {
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole)) : text;
}

/**
 * Return the number with its noun: `one` for 1, `many` for others; both have the placeholder {count}.
 * @param {number} count
 * @param {string} one
 * @param {string} many
 * @returns {string}
 */
export function tn(count, one, many) {
  return t(count === 1 ? one : many, { count });
}
