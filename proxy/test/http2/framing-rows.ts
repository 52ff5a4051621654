import { FLAG, frame, SETTING, TYPE } from './frames.ts'
import { block, data, OPEN, ping, post, priority, request, settings, WHOLE, type Row } from './row.ts'

const UNKNOWN_TYPE = 0x16
/** What the edge takes at most in one frame (it announces nothing else, RFC 9113 6.5.2). */
const MAX_FRAME = 16_384

function rawHeaders(...hex: readonly string[]): Buffer {
  return frame(TYPE.HEADERS, WHOLE, 1, Buffer.concat([block(), ...hex.map((text) => Buffer.from(text, 'hex'))]))
}

/** The beginning of a frame: its length is refused already, and bytes that the edge leaves unread could cost us its GOAWAY. */
function tooLarge(type: number, stream: number): Buffer {
  return frame(type, FLAG.NONE, stream, Buffer.alloc(MAX_FRAME + 6)).subarray(0, 100)
}

/** RFC 9113 4: frames, their size, header blocks; and what RFC 7541 makes of a block that cannot be read. */
export const framingRows: readonly Row[] = [
  { rule: '4.1 a frame of an unknown type is ignored', send: [frame(UNKNOWN_TYPE, 0, 0), request(1)], expect: '200' },
  {
    rule: '4.1 an unknown type on an idle stream is ignored',
    send: [frame(UNKNOWN_TYPE, 0, 9), request(1)],
    expect: '200',
  },
  {
    rule: '4.1 flags without a meaning are ignored',
    send: [frame(TYPE.PING, 0xfe, 0, Buffer.alloc(8)), frame(TYPE.HEADERS, WHOLE | 0x82, 1, block())],
    expect: '200',
  },
  {
    rule: '4.1 the reserved bit is ignored',
    send: [frame(TYPE.HEADERS, WHOLE, 0x80000001, block())],
    expect: '200',
  },
  {
    rule: '4.2 DATA of the greatest size is taken',
    send: [post(1), data(1, Buffer.alloc(MAX_FRAME))],
    expect: '200',
  },
  {
    rule: '4.2 DATA beyond SETTINGS_MAX_FRAME_SIZE',
    send: [post(1), tooLarge(TYPE.DATA, 1)],
    expect: 'connection FRAME_SIZE_ERROR',
  },
  {
    rule: '4.2 HEADERS beyond SETTINGS_MAX_FRAME_SIZE',
    send: [tooLarge(TYPE.HEADERS, 1)],
    expect: 'connection FRAME_SIZE_ERROR',
  },
  {
    rule: '4.2 SETTINGS beyond SETTINGS_MAX_FRAME_SIZE',
    send: [tooLarge(TYPE.SETTINGS, 0)],
    expect: 'connection FRAME_SIZE_ERROR',
  },
  {
    rule: '4.2 an unknown frame beyond SETTINGS_MAX_FRAME_SIZE',
    send: [tooLarge(UNKNOWN_TYPE, 0)],
    expect: 'connection FRAME_SIZE_ERROR',
  },
  {
    rule: '4.3 PRIORITY inside a header block',
    send: [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block()), priority(1), frame(TYPE.CONTINUATION, OPEN, 1)],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '4.3 HEADERS of another stream inside a header block',
    send: [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block()), request(3)],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '4.3 PING inside a header block',
    send: [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block()), ping()],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '5.5 an unknown frame inside a header block',
    send: [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block()), frame(UNKNOWN_TYPE, 0, 1)],
    expect: 'connection PROTOCOL_ERROR',
  },
  { rule: 'RFC 7541 6.1 index 0', send: [rawHeaders('80')], expect: 'connection COMPRESSION_ERROR' },
  {
    rule: 'RFC 7541 2.3.3 an index that the tables do not have',
    send: [rawHeaders('be')],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 5.1 an integer without an end',
    send: [rawHeaders('ffffffffffffffffff')],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 5.2 a literal beyond the block',
    send: [rawHeaders('0005616263')],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 5.2 Huffman padding of more than seven bits',
    send: [rawHeaders('00827fff0161')],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 5.2 Huffman padding of zeros',
    send: [rawHeaders('0001618160')],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 5.2 the EOS symbol',
    send: [rawHeaders('00016184ffffffff')],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 6.3 a table size beyond the one announced',
    send: [frame(TYPE.HEADERS, WHOLE, 1, Buffer.concat([Buffer.from('3fe2ff03', 'hex'), block()]))],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 4.2 a table size behind a field',
    send: [rawHeaders('20')],
    expect: 'connection COMPRESSION_ERROR',
  },
  {
    rule: 'RFC 7541 4.2 a table size of 0 asked of the edge is minded',
    send: [settings([SETTING.HEADER_TABLE_SIZE, 0]), request(1)],
    expect: '200',
  },
]
