// Dates as Rhino reads and prints them, in the UTC of Apigee's machines: a text that is neither ISO nor an American or
// mail date is no date at all, where the engine would make one of any text that has a number in it.
(function ($) {
  'use strict';
  const { text } = $;
  const { apply, construct } = Reflect;
  // what is matched here is no match of the script: RegExp.$1 stays as it was
  const matching = $.matching ?? RegExp.prototype.exec;
  const Plain = Date;
  const iso = Plain.parse, utc = Plain.UTC, print = Plain.prototype.toUTCString;
  const ISO = /^(?:\d{4}|[+-]\d{6})(?:-\d\d(?:-(\d\d))?)?(?:(T\d\d:\d\d(?::\d\d(?:\.\d{3})?)?)(Z|[+-]\d\d:?\d\d)?)?$/;
  const WORDS = ['am', 'pm', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday', 'january',
    'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december',
    'gmt', 'ut', 'utc', 'est', 'edt', 'cst', 'cdt', 'mst', 'mdt', 'pst', 'pdt'];
  const ZONES = [0, 0, 0, 300, 240, 360, 300, 420, 360, 480, 420];
  const read = (given) => {
    const found = apply(matching, ISO, [given]);
    if (found !== null) {
      const [whole, day, clock, zone = ''] = found;
      const local = iso(whole.slice(0, whole.length - zone.length) + (clock === undefined ? '' : 'Z'));
      if (day === undefined || new Plain(local).getUTCDate() === +day) {
        const east = zone.length < 5 ? 0 : +(zone[0] + 1) * (60 * zone.slice(1, 3) + +zone.slice(-2));
        if (!isNaN(local)) return local - east * 60000;
      }
    }
    let year = -1, month = -1, day = -1, hour = -1, minute = -1, second = -1, zone = null, before = '', signed = false;
    const token = /\(|\d+|[A-Za-z]+|[^]/g;
    for (let match; (match = apply(matching, token, [given])) !== null;) {
      const word = match[0], first = word[0], next = given[token.lastIndex], ends = next === undefined;
      if (first <= ' ' || first === ',' || first === '-') {
        if (first === '-' && next >= '0' && next <= '9') before = first;
      } else if (first === '(') {
        for (let depth = 1; depth > 0 && token.lastIndex < given.length; token.lastIndex++) {
          const c = given[token.lastIndex];
          depth += c === '(' ? 1 : c === ')' ? -1 : 0;
        }
      } else if (first >= '0' && first <= '9') {
        const n = +word;
        if (before === '+' || before === '-') {
          signed = true;
          const minutes = n < 24 ? n * 60 : n % 100 + Math.floor(n / 100) * 60;
          if (zone) return NaN;
          zone = before === '+' ? -minutes : minutes;
        } else if (n >= 70 || before === '/' && month >= 0 && day >= 0 && year < 0) {
          if (year >= 0 || !(ends || next <= ' ' || next === ',' || next === '/')) return NaN;
          year = n < 100 ? n + 1900 : n;
        } else if (next === ':') {
          if (hour < 0) hour = n; else if (minute < 0) minute = n; else return NaN;
        } else if (next === '/') {
          if (month < 0) month = n - 1; else if (day < 0) day = n; else return NaN;
        } else if (!ends && next !== ',' && next > ' ' && next !== '-') return NaN;
        else if (signed && n < 60) zone += zone < 0 ? -n : n;
        else if (hour >= 0 && minute < 0) minute = n;
        else if (minute >= 0 && second < 0) second = n;
        else if (day < 0) day = n;
        else return NaN;
        before = '';
      } else if (first === '/' || first === ':' || first === '+') {
        before = first;
      } else {
        const name = word.toLowerCase();
        const index = name.length < 2 ? -1 : WORDS.findIndex((known) => known.startsWith(name));
        if (index < 0) return NaN;
        if (index < 2) {
          if (hour > 12 || hour < 0) return NaN;
          hour = index === 0 ? hour % 12 : hour % 12 + 12;
        } else if (index > 20) {
          zone = ZONES[index - 21];
        } else if (index > 8) {
          if (month >= 0) return NaN;
          month = index - 9;
        }
      }
    }
    if (year < 0 || month < 0 || day < 0) return NaN;
    return utc(year, month, day, Math.max(hour, 0), Math.max(minute, 0), Math.max(second, 0)) + (zone || 0) * 60000;
  };

  const hide = (object, name, value) =>
    Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  const MONTHS = WORDS.slice(9, 21).map((name) => name[0].toUpperCase() + name.slice(1));
  // [week day, day, month, year, time] of a date
  const parts = (date) => print.call(date).replace(',', '').split(' ');
  const clock = (date) => {
    const [hours, rest] = [date.getUTCHours(), parts(date)[4].slice(3)];
    return `${hours % 12 || 12}:${rest} ${hours < 12 ? 'AM' : 'PM'} UTC`;
  };
  const long = (date) => `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}, ${parts(date)[3]}`;
  const short = (date) => { const [week, day, month, year] = parts(date); return `${week} ${month} ${day} ${year}`; };
  const time = (date) => `${parts(date)[4]} GMT-0000 (UTC)`;
  const shown = {
    toString: (date) => `${short(date)} ${time(date)}`,
    toDateString: short,
    toTimeString: time,
    toLocaleString: (date) => `${long(date)} ${clock(date)}`,
    toLocaleDateString: long,
    toLocaleTimeString: clock,
  };
  for (const name in shown) {
    const show = shown[name];
    hide(Plain.prototype, name, { [name]() { return isNaN(this.getTime()) ? 'Invalid Date' : show(this); } }[name]);
  }
  hide(Plain, 'parse', function parse(given) { return read(text(given)); });
  const dated = new Proxy(Plain, {
    construct(target, given, made) {
      if (given.length === 1 && typeof given[0] === 'string') given = [read(given[0])];
      return construct(target, given, made);
    },
    apply: () => new Plain().toString(),
  });
  hide(Plain.prototype, 'constructor', dated);
  hide(globalThis, 'Date', dated);
})
