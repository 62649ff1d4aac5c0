/**
 * Make a predicate of a filter text: all words must occur, in any order and case; `-word` must not.
 * @param {string} filter
 * @returns {(text: string) => boolean}
 */
export function matcher(filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = words.filter((word) => !word.startsWith("-") || word === "-");
  const unwanted = words.filter((word) => word.startsWith("-") && word !== "-").map((word) => word.slice(1));
  if (!words.length) return () => true;
  return (text) => {
    const lower = text.toLowerCase();
    return wanted.every((word) => lower.includes(word)) && !unwanted.some((word) => lower.includes(word));
  };
}
