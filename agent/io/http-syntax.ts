// The parts of HTTP/1.1's grammar that requests and answers share (RFC 9110, sections 5.6.2 and 5.5), over texts of one byte a character.

export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
export const notInAValue = /[^\t\x20-\x7e\x80-\xff]/;
