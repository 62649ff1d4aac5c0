/**
 * Which functions the graph draws: those around one function, those on the shortest paths between two, or directories.
 */

/**
 * The functions around one: callers and callees up to a number of calls away, most hits first.
 * @param {import("./document.js").Doc} doc @param {number} focus row of `functions` @param {number} depth @param {number} most functions
 * @returns {{functions: Set<number>, omitted: number}} `omitted` counts neighbours that the limit leaves out
 */
export function around(doc, focus, depth, most) {
  const functions = new Set([focus]);
  const omitted = new Set();
  for (const direction of ["callersOf", "calleesOf"]) {
    const other = direction === "callersOf" ? "caller" : "callee";
    let edge = [focus];
    for (let level = 0; level < depth; level += 1) {
      const calls = edge.flatMap((row) => doc[direction](doc.functions[row])).sort((a, b) => b.hits - a.hits);
      edge = [];
      for (const call of calls) {
        if (functions.has(call[other])) continue;
        if (functions.size >= most) omitted.add(call[other]);
        else {
          functions.add(call[other]);
          edge.push(call[other]);
        }
      }
    }
  }
  return { functions, omitted: [...omitted].filter((row) => !functions.has(row)).length };
}

/**
 * The functions on all shortest paths from one function to another.
 * @param {import("./document.js").Doc} doc @param {number} from @param {number} to
 * @returns {{functions: Set<number>, calls: number}} `calls` on a path; no functions when there is no path
 */
export function shortestPaths(doc, from, to) {
  const distance = distances(doc, from, "calleesOf", "callee", to);
  const back = distances(doc, to, "callersOf", "caller", from);
  const calls = distance.get(to);
  const functions = new Set();
  if (calls === undefined) return { functions, calls: 0 };
  for (const [row, steps] of distance) if (back.has(row) && steps + back.get(row) === calls) functions.add(row);
  return { functions, calls };
}

/** Calls to each function that is not farther than the goal. */
function distances(doc, start, direction, other, goal) {
  const found = new Map([[start, 0]]);
  let edge = [start];
  for (let steps = 1; edge.length && !found.has(goal); steps += 1) {
    const next = [];
    for (const row of edge) {
      for (const call of doc[direction](doc.functions[row])) {
        if (found.has(call[other])) continue;
        found.set(call[other], steps);
        next.push(call[other]);
      }
    }
    edge = next;
  }
  return found;
}

/** The directory of a function's file; the library or the file's stem when it has none. @param {import("./document.js").Row} each */
export function directoryOf(each) {
  return each.file.includes("/") ? each.file.slice(0, each.file.lastIndexOf("/")) : each.file ? "." : each.where;
}
