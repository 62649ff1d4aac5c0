/**
 * @typedef {Object} StackNode A function in the merged stacks.
 * @property {number} id its number in a walk from the root, which is 0; it is the same in every reading of the page
 * @property {string} name @property {number} function row of `functions`, or -1
 * @property {number} kind row of `call_kinds`: how its caller calls it; -1 for an outermost function
 * @property {number} hits stacks through it @property {number} ends stacks that end in it
 * @property {number} depth @property {StackNode|null} parent @property {StackNode[]} children most hits first
 */

const NOT_MERGED = ["where", "store"]; // stops that show where a thread stood, not a call to a function asked for

/**
 * Merge the stacks of a thread, or of all, into a tree of functions; the root stands for all stacks.
 * @param {import("./document.js").Doc} doc @param {string} thread label, "" for all @param {string} rootName
 * @returns {StackNode[]} all nodes by their id
 */
export function mergedStacks(doc, thread, rootName) {
  const root = made(rootName, -1, -1, null);
  const merged = doc.stops.filter((stop) => !NOT_MERGED.includes(stop.reason));
  for (const stop of merged.length ? merged : doc.stops) {
    if (stop.stack < 0 || (thread && doc.threads[stop.thread].label !== thread)) continue;
    const last = add(doc, root, stop);
    last.ends += stop.count;
  }
  return numbered(root);
}

function add(doc, root, stop) {
  let node = root;
  let kind = -1;
  node.hits += stop.count;
  for (const frame of doc.framesOf(stop.stack).reverse()) {
    const key = `${frame.function >= 0 ? frame.function : frame.name} ${kind}`;
    if (!node.byKey.has(key)) node.byKey.set(key, made(frame.function >= 0 ? doc.functions[frame.function].name : frame.name, frame.function, kind, node));
    node = node.byKey.get(key);
    node.hits += stop.count;
    kind = frame.call;
  }
  return node;
}

function made(name, number, kind, parent) {
  return { id: 0, name, function: number, kind, hits: 0, ends: 0, depth: parent ? parent.depth + 1 : 0, parent, children: [], byKey: new Map() };
}

function numbered(root) {
  const nodes = [];
  const waiting = [root];
  while (waiting.length) {
    const node = waiting.pop();
    node.id = nodes.length;
    nodes.push(node);
    node.children = [...node.byKey.values()].sort((a, b) => b.hits - a.hits);
    waiting.push(...[...node.children].reverse());
  }
  return nodes;
}

/** The nodes from the root to this one. @param {StackNode} node @returns {StackNode[]} */
export function pathTo(node) {
  const path = [];
  for (let at = node; at; at = at.parent) path.unshift(at);
  return path;
}
