import * as backtraces from "./backtraces.js";
import * as flame from "./flame.js";
import * as functions from "./functions.js";
import * as graph from "./graph.js";
import * as io from "./io.js";
import * as ioctls from "./ioctls.js";
import * as overview from "./overview.js";
import * as pointers from "./pointers.js";
import * as provenance from "./provenance.js";
import * as story from "./story.js";
import * as timeline from "./timeline.js";

/**
 * @typedef {Object} View
 * @property {string} name in the address of the page
 * @property {string} title
 * @property {string} key that shows it
 * @property {(doc: import("../document.js").Doc) => boolean} available whether the document has something for it
 * @property {(container: HTMLElement, doc: any, state: any) => (void | (() => void))} render fill the empty container; a
 *   returned function is called when the view is left
 * @property {(container: HTMLElement, doc: any, state: any, change: any) => void} [update] follow a change of the
 *   selection, the filter or an option; without it the view is rendered again
 */

/** All views in the order of the tabs. @type {View[]} */
export const VIEWS = [overview, story, graph, flame, timeline, ioctls, io, pointers, functions, backtraces, provenance];
