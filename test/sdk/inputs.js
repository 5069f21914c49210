'use strict';
// inputs.js - values as CRMs hold them, and worse: the same ones for the same seed.

// xorshift32: small, and the same on every machine.
function makeRandom(seed) {
  let state = seed >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const below = (limit) => next() % limit;
  return { below, pick: (list) => list[below(list.length)], chance: (percent) => below(100) < percent };
}

const NAMES = ['Mary', 'Ann', 'José', 'Jose\u0301', 'Müller', 'O’Connor', "O'Neil", 'Jean-Luc', 'van der Berg',
  'Dr. Strange', 'İpek', 'ΑΝΔΡΕΑΣ', 'Владимир', '李小明', 'محمد', 'Łukasz', 'Straße', 'ǅemal', 'D´Angelo', 'Ann 😀',
  'X Æ A-12', 'N/A', 'null', 'Null', 'none', 'Na', '-', '...', 'J.R.R.', '(Bob)', 'Smith, Jr.', 'smithsonian', 'undefined'];
const CITIES = ['New York', 'São Paulo', 'Frankfurt (Main)', 'Saint-Denis', 'Los Angeles 90210', 'Paris 15e',
  'Minneapolis/St. Paul', "Coeur d'Alene", 'Київ', '東京', 'Rome', '10115 Berlin', '12345', 'Washington, D.C.', 'n/a'];
const STATES = ['CA', 'ca.', 'California', 'New York', 'N.Y.', 'Bayern', 'Baden-Württemberg', 'Île-de-France', 'TX 78701',
  'Georgia', 'Québec', 'District of Columbia', '07', '-', 'unknown'];
const COUNTRIES = ['US', 'de', ' FR ', 'USA', 'United States', 'Germany', 'Deutschland', 'UK', 'GB', 'XX', 'Côte d’Ivoire',
  'u.s.', 'Atlantis', '1', 'NA', 'null', 'zz', 'CHE'];
const ZIPS = ['94035', '94035-1234', 'SW1A 1AA', '10115', 'z:10115', 'K1A-0A6', 'D-10115', '00118', '1', 'A', '-', '12 345',
  '1012 AB', 'n/a', '〒100-0001', 'ZIP_中文'];
const GENDERS = ['m', 'F', 'male', 'Female', ' f ', 'm.', 'Mr', 'woman', 'x', 'divers', 'n/a', 'f/m', '1', '', 'MALE ', '女性'];
const DATES = ['19970216', '1997-02-16', '2/16/1997', '16.02.1997', '1997-02-16 00:00:00', '19970230', '18991231', '20990101',
  '16 Feb 1997', '0000-00-00', '97-02-16', 'n/a', '02-13-1990', '19970216T'];
const EMAILS = ['mary@example.com', 'Mary.Ann+tag@Sub.Example.CO.UK', 'a@b.c', 'a@b.co', 'a@@b.co', 'a b@c.de', '.a@b.co', 'a..b@c.de',
  'a@b..co', 'a@-b.co', 'a@b-.co', 'a@b-.x.co', 'a@b_c.de', "o'neil@example.ie", 'jörg@müller.de', 'a@b', 'n/a', 'none@none', 'test@123.com',
  'a@1.2.3.4', 'a"b@c.de', 'a@b.c0m', 'a@b.0m', 'a@[10.0.0.1]', 'İ@example.com', 'a@b.c-', 'a@b.xn--p1ai', '@b.co', 'a@',
  'Ann <ann@b.co>', '"Lee, Ann" <ann@b.co>', 'ann@b.co, bob@b.co', 'ann@b.co (home)', 'bob@b.co <ann@b.co>', 'Ann ann@b.co'];
const PHONES = ['+1 (650) 253-0000', '650-253-0000', '(650)2530000', '0049 30 901820', '+49 (0)30 901820', '030/901820',
  '030.901820', '4930901820', '1-650-253-0000', '+44 20 7946 0958', '07946 0958 12', '12345', '123456', '1234567',
  '1234567890123456', '12345678901234567', '0000000', '+', 'call me', '650 253 0000 ext. 12', '650-253-0000 x12', 'p:+4930901820',
  '٠١٢٣٤٥٦٧٨٩', '+39 06 698 12345', '1-800-FLOWERS', '++49 30 901820', '001 650 253 0000', '+430 019 2', '+001 650 253 0000', '٫', '555 123 4567',
  '5.25645E+11', '4930901820.0', '030 901820 / 0171 1234567', '650-253-0000, 650-253-0001', '030 901820 (Mo-Fr 9-17)', '2530000 2530001',
  '030 901820 privat', 'Mobil 2 0171 1234567', '1 800 555 CALL', '030, 901820'];
const NUMBERS = ['1', '01', '9', '12', '13', '31', '32', '0', '00', '1a', '-1', '001', '1997', '199', '19970', '0000', 'May', ''];
const HASHES = ['973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b',
  '973DFE463EC85785F5F95AF5BA3906EEDB2D931C24E69824A89EA65DBA4E813B', '2a6a84e9e44441afbd75cc19ce28be37',
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813'];
const IDS = ['4711', 'Kunde 4711', '550E8400-E29B-41D4-A716-446655440000', 'user@example.com', 'ÜSER_1', 'a\tb', 'null', '#', '0'];

const POOLS = { em: EMAILS, ph: PHONES, fn: NAMES, ln: NAMES, f5first: NAMES, f5last: NAMES, fi: NAMES, db: DATES, ge: GENDERS,
  ct: CITIES, st: STATES, zp: ZIPS, country: COUNTRIES, external_id: IDS, dobd: NUMBERS, dobm: NUMBERS, doby: NUMBERS };
const BLANKS = [' ', '\t', '\n', '\r\n', '\u00a0', '\u3000', '\u200b', '\u202a', '\ufeff', '  '];
const MARKS = [...'.,;:!?/\\|()[]{}<>@#$%^&*+-=_~`\'"', '–', '’', '。', '€', '😀', '0', '7', 'ß', 'Σ', '\u0301', 'é'];

function change(random, value) {
  const at = random.below(value.length + 1);
  switch (random.below(6)) {
    case 0: return value.slice(0, at) + random.pick(MARKS) + value.slice(at);
    case 1: return value.slice(0, at) + random.pick(BLANKS) + value.slice(at);
    case 2: return value.slice(0, at) + value.slice(at + 1);
    case 3: return value.toUpperCase();
    case 4: return value.toLowerCase();
    default: return random.pick(BLANKS) + value + random.pick(BLANKS);
  }
}

// Digits in the lay-outs that people type.
function inventedPhone(random) {
  let digits = '';
  for (let i = 6 + random.below(9); i > 0; i--) digits += random.below(10);
  return random.pick(['', '+', '00', '0', '(']) + digits.replace(/(\d{3})(?=\d)/g, '$1' + random.pick(['', ' ', '-', '.', ') ']));
}

function inventedEmail(random) {
  const part = () => Array.from({ length: 1 + random.below(5) }, () => random.pick([...'abcXYZ019._-+'])).join('');
  return `${part()}@${part()}.${part()}`;
}

function value(random, field) {
  let text = random.chance(4) ? random.pick(HASHES) : random.pick(POOLS[field]);
  if (field === 'ph' && random.chance(50)) text = inventedPhone(random);
  if (field === 'em' && random.chance(50)) text = inventedEmail(random);
  while (random.chance(40)) text = change(random, text);
  // Half a surrogate pair is no text at all: it cannot be written as UTF-8.
  return text.toWellFormed ? text.toWellFormed() : Buffer.from(text, 'utf8').toString('utf8');
}

function* inputs(seed, count) {
  const random = makeRandom(seed);
  for (const field of Object.keys(POOLS)) {
    for (let i = 0; i < count; i++) yield { field, value: value(random, field) };
  }
}

module.exports = { inputs };
