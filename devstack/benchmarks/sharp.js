// Runs sharp as a renderer, with the requests and answers of renderer.py.
const fs = require("node:fs");
const readline = require("node:readline");
const sharp = require("sharp");

sharp.concurrency(1);
sharp.cache(false);

let source = null;
let content = null;

const requests = {
  ready() {
    return {};
  },
  load({ path }) {
    source = fs.readFileSync(path);
    return { bytes: source.length };
  },
  async render() {
    const started = process.hrtime.bigint();
    content = await sharp(source)
      .rotate()
      .resize(1024, 1024, { fit: "inside", withoutEnlargement: true })
      .flatten({ background: "#ffffff" })
      .jpeg({ quality: 85 })
      .toBuffer();
    return { ns: Number(process.hrtime.bigint() - started), bytes: content.length };
  },
  save({ path }) {
    fs.writeFileSync(path, content);
    return {};
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      answer = await requests[request.do](request);
    } catch (error) {
      answer = { error: String(error.message || error) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

main();
