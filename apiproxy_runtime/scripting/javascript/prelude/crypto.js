// crypto: hashes, dates and signed SOAP messages.
(function ($) {
  'use strict';
  const { call, text, safe } = $;
  const { stringify } = JSON;
  const given = (options) => safe(stringify(Object(options)));

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
    wsSecRsaSign(payload, options) { return call('wsSecSign', safe(payload), given(options)); },
    wsSecRsaValidate(payload, options) { return call('wsSecValidate', safe(payload), given(options)); },
  };
  $.frozen.push(Hash, crypto);
  $.globals.crypto = () => Object.create(crypto);
})
