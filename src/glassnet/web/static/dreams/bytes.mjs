// Bytes as the server writes them: base64, rows one after another.

export const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
export const encode = (bytes) => btoa(String.fromCharCode(...bytes));

export const row = (bytes, i, length) => bytes.subarray(i * length, (i + 1) * length);

// Packed bits, most significant first, as levels 0 and 255.
export function spread(packed, units) {
  return Uint8Array.from({ length: units }, (_, i) => ((packed[i >> 3] >> (7 - (i & 7))) & 1 ? 255 : 0));
}
