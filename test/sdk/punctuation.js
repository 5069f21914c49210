'use strict';
// punctuation.js PROGRAM - every mark of Unicode, within a value of each field, before and behind it, through
// Meta's two libraries and through the normaliser (PROGRAM is normalize_lines). Where both libraries make the same
// of a value, the normaliser does too, or one of the rules below says why not; a rule that explains nothing is an
// error too. Where the libraries differ, Meta's documentation decides, and compare.js holds us to it.
//
// Prints "ok - FIELD" or "not ok - FIELD" with the first differences; ends with status 1 for those.

const { ServerSideUtils } = require('facebook-nodejs-business-sdk');
const { getNormalizedPII } = require('capi-param-builder-nodejs/src/piiUtil/PIIUtil');
const { ask, report, sdkOf } = require('./libraries.js');

const FIELDS = {
  em: ['email', 'mary.ann@example.com', 8],
  ph: ['phone', '6502530000', 3],
  fn: ['first_name', 'maryann', 4],
  ln: ['last_name', 'oneil', 1],
  ge: ['gender', 'male', 2],
  ct: ['city', 'saintdenis', 5],
  st: ['state', 'bayern', 3],
  zp: ['zip_code', '10115', 2],
  country: ['country', 'de', 1],
  external_id: ['external_id', 'kunde4711', 5],
};

// Punctuation and symbols; the libraries are asked about what nobody sees in compare.js.
const MARKS = Array.from({ length: 0x110000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code))
  .filter((character) => /[\p{P}\p{S}]/u.test(character));

function* values() {
  for (const [field, [type, value, middle]] of Object.entries(FIELDS)) {
    for (const mark of MARKS) {
      const placed = [mark + value, value + mark, value.slice(0, middle) + mark + value.slice(middle)];
      for (const text of placed) yield { field, type, mark, value: text };
    }
  }
}

const RULES = [
  ['a mark that is another one, or a letter, in the composed form counts as that', ({ mark, value, ours, compose }) =>
    mark.normalize('NFC') !== mark && compose(value.normalize('NFC')) === ours],
  ['the one address that is meant is taken out of what stands around it', ({ field, value, theirs, ours }) =>
    field === 'em' && theirs === null && ours === 'mary.ann@example.com' && /[,;|\/]$/.test(value)],
];

function main(program) {
  const all = [...values()];
  const answers = ask(program, all);
  const open = new Map(Object.keys(FIELDS).map((field) => [field, []]));
  const used = new Set();
  let agreed = 0;
  all.forEach(({ field, type, mark, value }, index) => {
    const theirs = sdkOf(field, value);
    if (theirs !== (getNormalizedPII(value, type) || null)) return;
    agreed++;
    const ours = answers[index].text;
    if (ours === theirs) return;
    const compose = (text) => ask(program, [{ field, value: text }])[0].text;
    const rule = RULES.find(([, covers]) => covers({ field, mark, value, theirs, ours, compose }));
    if (rule) used.add(rule[0]);
    else open.get(field).push({ value, code: mark.codePointAt(0).toString(16), theirs, ours });
  });
  report(open, RULES.map(([name]) => name).filter((name) => !used.has(name)),
    `${MARKS.length} marks, ${all.length} values, the libraries agree about ${agreed}`);
}

main(...process.argv.slice(2));
