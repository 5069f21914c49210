'use strict';
// libraries.js - what compare.js and punctuation.js share: asking Meta's library and the normaliser, and telling
// what came out.

const { spawnSync } = require('child_process');
const { ServerSideUtils } = require('facebook-nodejs-business-sdk');

const sha256 = ServerSideUtils.toSHA256;

// The normalised value, the hash, or null for a value that Meta's SDK refuses.
function sdkOf(field, value) {
  let normalized = null;
  ServerSideUtils.toSHA256 = (input) => {
    normalized = input;
    return input;
  };
  try {
    const passed = ServerSideUtils.normalizeAndHash(value, field);
    return normalized === null ? passed : normalized;
  } catch (refusal) {
    return null;
  } finally {
    ServerSideUtils.toSHA256 = sha256;
  }
}

// What the normaliser makes of each of { field, value }: { text, hash }, both null if it drops the value.
function ask(program, lines) {
  const input = lines.map(({ field, value }) => `${field}\t${Buffer.from(value, 'utf8').toString('hex')}\n`).join('');
  const run = spawnSync(program, [], { input, encoding: 'latin1', maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`${program} ended with status ${run.status}: ${run.stderr}`);
  return run.stdout.slice(0, -1).split('\n').map((line) => {
    const [text, hash] = line.split('\t');
    return text === '' ? { text: null, hash: null } : { text: Buffer.from(text, 'hex').toString('utf8'), hash };
  });
}

// One line for each field (a map of lists of differences), and one for rules that explained nothing.
function report(open, idle, summary) {
  let well = true;
  const tell = (name, findings) => {
    console.log(`${findings.length === 0 ? 'ok' : 'not ok'} - ${name}`);
    findings.slice(0, 10).forEach((finding) => console.log(`    ${JSON.stringify(finding)}`));
    well = well && findings.length === 0;
  };
  open.forEach((findings, field) => tell(`${field}: no difference without a rule`, findings));
  tell('every rule explains something', idle);
  console.log(summary);
  process.exitCode = well ? 0 : 1;
}

module.exports = { ask, report, sdkOf };
