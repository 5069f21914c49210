'use strict';
// compare.js PROGRAM SEED COUNT - runs COUNT seeded values of each field through Meta's library and
// through the normaliser (PROGRAM is normalize_lines). Each value ends alike, or one of the rules
// below says why not; a rule that explains nothing is an error too.
//
// Prints "ok - FIELD" or "not ok - FIELD" with the first differences; ends with status 1 for those.

const { ServerSideUtils } = require('facebook-nodejs-business-sdk');
const { inputs } = require('./inputs.js');
const { ask, report, sdkOf: theirs } = require('./libraries.js');

const isName = (field) => ['fn', 'ln', 'f5first', 'f5last', 'fi'].includes(field);
const isPlace = (field) => field === 'ct' || field === 'st';
const digits = (text) => (text || '').replace(/\p{Nd}/gu, (c) => (/[0-9]/.test(c) ? c : digitOf(c))).replace(/[^0-9]/g, '');
const letters = (text) => (text || '').replace(/[^\p{L}\p{M}]/gu, '').normalize('NFC');
const bare = (text) => text.trim().replace(/^[\s\p{Cf}]+|[\s\p{Cf}]+$/gu, '');

// Digits of a script stand in blocks of ten, from zero on.
function digitOf(character) {
  const code = character.codePointAt(0);
  let zero = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && code - zero < 9) zero--;
  return String(code - zero);
}

const PLACEHOLDER = /^[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]*(null|nil|undefined|none|nan|n\/a|n\.a|n\/d|unknown)[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]*$/i;
const inner = (text) => (text || '').replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
const PLACEHOLDER_HASH = /^(e3b0c442|74234e98|eb045d78)/i;

// Names without ASCII's punctuation and without blanks, in the composed form, and the beginning of that.
function nameOf(field, value) {
  const name = value.normalize('NFC').toLowerCase()
    .replace(/[!-\/:-@[-`{-~\s\u200b\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\p{Cc}]/gu, '').normalize('NFC');
  const length = field === 'fi' ? 1 : field.startsWith('f5') ? 5 : Infinity;
  return [...name].slice(0, length).join('');
}

const RULES = [
  ['a placeholder, or marks alone, is dropped', ({ value, ours }) =>
    ours === null && (PLACEHOLDER.test(inner(bare(value))) || !/[\p{L}\p{N}]/u.test(value))],
  ['a hashed placeholder is dropped', ({ value, ours }) => ours === null && PLACEHOLDER_HASH.test(nameOf('fn', value))],
  ['what nobody sees at the edge of a value is no part of it', ({ field, value, ours }) =>
    bare(value) !== value.trim() && theirs(field, bare(value)) === ours],
  ['names have no blanks, and no punctuation that ASCII has', ({ field, value, ours }) => isName(field) && ours === nameOf(field, value)],
  ['a placeholder is one with punctuation, blanks and digits inside too', ({ field, value, ours }) =>
    ours === null && [nameOf('fn', value), letters(value), visible('fn', value)].some((text) =>
      PLACEHOLDER.test(inner(text)))],
  ['an initial is a letter or a digit', ({ field, value, ours }) =>
    field === 'fi' && ours === null && /^[^\p{L}\p{N}]/u.test(nameOf('fn', value))],
  ['places are letters only', ({ field, theirs, ours }) => isPlace(field) && ours === (/\p{L}/u.test(letters(theirs)) ? letters(theirs) : null)],

  ['a state of the USA becomes its code', ({ field, ours }) => field === 'st' && /^(ca|ny|ga|dc)$/.test(ours)],
  ['country names and codes of three letters are understood', ({ field, theirs, ours }) =>
    field === 'country' && theirs === null && /^(us|de|fr|gb|ci|ch|na)$/.test(ours)],
  ['a country code is its letters', ({ field, theirs, value, ours }) =>
    field === 'country' && theirs === null && value.toLowerCase().replace(/[^a-z]/g, '') === ours],
  ['dates of birth are checked and brought into one form', ({ field, theirs, ours }) =>
    field === 'db' && (ours === null || /^(19|20)\d{6}$/.test(ours)) && ours !== theirs],
  ['a gender with something else around it is dropped', ({ field, value, ours }) =>
    field === 'ge' && ours === null && !/^(m|f|male|female)$/i.test(bare(value))],
  ['e-mail addresses beyond ASCII are taken', ({ field, theirs, ours }) =>
    field === 'em' && theirs === null && /[^\x00-\x7f]/.test(ours)],
  ['... and written in ASCII as the domain name system does', ({ field, theirs, ours }) =>
    field === 'em' && theirs === null && /\.[a-z][a-z0-9]*--[a-z0-9-]+$/.test(ours)],
  ['the one address that is meant is taken out of what stands around it', ({ field, value, theirs, ours }) =>
    field === 'em' && theirs === null && ours !== null && value.toLowerCase().includes(ours)],
  ['a label of a domain neither begins nor ends with a dash', ({ field, theirs, ours }) =>
    field === 'em' && ours === null && /(@|\.)-|-(\.|$)/.test(theirs)],
  ['digits with words or with the marks of a list among them are not one telephone number', ({ field, value, ours }) =>
    field === 'ph' && ours === null && /\p{Nd}.*([\p{L}\p{No}\p{Nl}^×+,;:#\n\r(]|[\/\\|&].*\p{Nd}{2})|\p{L}\p{Nd}|^\P{Nd}*\p{L}\P{Nd}*\p{Nd}{1,2}\P{Nd}/su.test(value)],
  ['two telephone numbers are not one', ({ field, value, ours }) =>
    field === 'ph' && ours === null && /\p{Nd}{7}\P{Nd}+\p{Nd}{7}/u.test(value)],
  ['a telephone number is its digits, without leading zeros and what follows it', ({ field, value, ours }) =>
    field === 'ph' && ours !== null && digits(value).replace(/^0+/, '').startsWith(ours)],
  ['the library of telephone numbers takes out the zero of "+49 (0)30"', ({ field, value, ours }) =>
    field === 'ph' && ours !== null && value.includes('+') && isWithoutInnerDigits(digits(value), ours)],
  ['a telephone number has 7 to 15 digits', ({ field, value, ours }) =>
    field === 'ph' && ours === null && !inRange(digits(value).replace(/^0+/, '').length, 7, 15)],
  ['... also without the zero that the library takes out', ({ field, value, ours }) =>
    field === 'ph' && ours === null && value.includes('+') && /0/.test(digits(value).slice(1)) &&
      digits(value).replace(/^0+/, '').length < 9],
  ['days and months are one or two digits, years four', ({ field, value, ours }) =>
    /^dob/.test(field) && ours === null && !/^\d+$/.test(value.trim())],
  ['three digits are no day and no month', ({ field, value, ours }) =>
    /^dob[dm]$/.test(field) && ours === null && /^\d{3,}$/.test(value.trim())],
  ['the z: of a CSV export is no part of a postal code', ({ field, value, ours }) =>
    field === 'zp' && /^z:/i.test(visible(field, bare(value)) || '') && ours !== null],
  ['a hash with blanks or marks inside is a hash, not hashed again', ({ value, ours }) =>
    /^[0-9a-f]{32}([0-9a-f]{32})?$/.test(ours) && nameOf('fn', value) === ours],
  ['nothing invisible is part of a postal code or an id', ({ field, theirs, ours }) =>
    (field === 'zp' || field === 'external_id') && ours === visible(field, theirs)],
];

const inRange = (number, lowest, highest) => number >= lowest && number <= highest;

function visible(field, text) {
  const seen = (text || '').replace(/[\s\u200b\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').normalize('NFC');
  return [...seen].length < (field === 'zp' ? 2 : 1) ? null : seen;
}

// Whether `short` is `long` with one run of zeros or a trunk digit taken out.
function isWithoutInnerDigits(long, short) {
  const trimmed = long.replace(/^0+/, '');
  for (let at = 1; at <= 4; at++) {
    if (trimmed.slice(0, at) + trimmed.slice(at + trimmed.length - short.length) === short) return true;
  }
  return false;
}

function explain(difference) {
  const rule = RULES.find(([, covers]) => covers(difference));
  return rule && rule[0];
}

function main(program, seed, count) {
  const lines = [...inputs(Number(seed), Number(count))];
  const answers = ask(program, lines);
  const used = new Set();
  const open = new Map(lines.map(({ field }) => [field, []]));
  let alike = 0;
  lines.forEach(({ field, value }, index) => {
    const { text, hash } = answers[index];
    const difference = { field, value, theirs: theirs(field, value), ours: text };
    const expected = difference.theirs === null ? null : ServerSideUtils.normalizeAndHash(value, field);
    if (text === difference.theirs && hash === expected) {
      alike++;
      return;
    }
    // With the same text, they can only differ about whether it is a hash already.
    const rule = text === difference.theirs && hash !== text ? undefined : explain(difference);
    if (rule) used.add(rule);
    else open.get(field).push(difference);
  });
  report(open, RULES.map(([name]) => name).filter((name) => !used.has(name)),
    `${lines.length} values, ${alike} alike, the rest explained by ${used.size} rules`);
}

main(...process.argv.slice(2));
