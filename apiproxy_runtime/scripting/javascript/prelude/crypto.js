// crypto: hashes and dates.
(function ($) {
  'use strict';
  const { call, text, safe } = $;

  class Hash {
    #algorithm;
    #text = '';
    constructor(algorithm) { this.#algorithm = algorithm; }
    update(value) { this.#text += text(value); }
    digest() { return call('digest', this.#algorithm, safe(this.#text), 'hex'); }
    digest64() { return call('digest', this.#algorithm, safe(this.#text), 'base64'); }
  }
  const crypto = {
    getMD5() { return new Hash('MD5'); },
    getSHA1() { return new Hash('SHA-1'); },
    getSHA256() { return new Hash('SHA-256'); },
    getSHA512() { return new Hash('SHA-512'); },
    getHash(algorithm) { return new Hash(call('algorithm', safe(algorithm))); },
    dateFormat(format, zone, time) {
      return call('dateFormat', safe(format), zone === undefined || zone === null ? 'UTC' : safe(zone),
        time === undefined || time === null ? null : Number(time));
    },
  };
  $.frozen.push(Hash, crypto);
  $.globals.crypto = () => Object.create(crypto);
})
