// Stands for supertest in jest suites: the same requests, by plain http.
"use strict";
const supertest = require(process.env.CONFORMANCE_SUPERTEST);

module.exports = (address) => supertest(address.replace(/^https:/, "http:"));
