// Bundles src/ into report.js and report.css. `node bundle.mjs [FOLDER]`; default: built/ beside this file.
// The result depends on the lock file and the sources only.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.resolve(process.argv[2] || path.join(here, "built"));

/** Bundle the script; `licences` becomes the module ./licences.js. */
function bundle(licences, metafile) {
  const virtual = {
    name: "licences",
    setup(plugin) {
      plugin.onResolve({ filter: /^\.\/licences\.js$/ }, () => ({ path: "licences", namespace: "generated" }));
      plugin.onLoad({ filter: /.*/, namespace: "generated" }, () => ({ contents: `export const licences = ${JSON.stringify(licences)};` }));
    },
  };
  return build({
    entryPoints: [path.join(here, "src/main.js")], bundle: true, minify: true, format: "iife", target: "es2022", charset: "ascii",
    legalComments: "none", write: false, plugins: [virtual], absWorkingDir: here, metafile,
  });
}

/** The packages that give code to the bundle, with the texts of their licences. */
async function licencesOf(inputs) {
  const names = new Set(Object.keys(inputs).filter((file) => file.startsWith("node_modules/"))
    .map((file) => file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)[1]));
  return Promise.all([...names].sort().map(async (name) => {
    const folder = path.join(here, "node_modules", name);
    const facts = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    return { name, version: facts.version, licence: facts.license, text: file ? (await readFile(path.join(folder, file), "utf8")).trim() : "" };
  }));
}

const inputs = (await bundle([], true)).metafile;
const used = Object.fromEntries(Object.entries(Object.values(inputs.outputs)[0].inputs).filter(([, { bytesInOutput }]) => bytesInOutput));
// A package has control characters in its texts, and HTML allows none; the script sees the same texts.
const script = (await bundle(await licencesOf(used), false)).outputFiles[0].text
  .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
const style = (await build({ entryPoints: [path.join(here, "src/theme.css")], bundle: true, minify: true, charset: "utf8", write: false, absWorkingDir: here })).outputFiles[0].text;
if (/<\/(script|style)|<!--/i.test(script + style)) throw new Error("the bundle must not end the element that it stands in");
await mkdir(out, { recursive: true });
await writeFile(path.join(out, "report.js"), script);
await writeFile(path.join(out, "report.css"), style);
console.log(`report.js ${script.length} bytes, report.css ${style.length} bytes`);
