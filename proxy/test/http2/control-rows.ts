import { FLAG, frame, hpack, SETTING, TYPE, uint32 } from './frames.ts'
import {
  block,
  data,
  goaway,
  OPEN,
  ping,
  post,
  priority,
  pseudoFields,
  request,
  reset,
  settings,
  windowUpdate,
  WHOLE,
  type Row,
} from './row.ts'

const HELD = { path: '/hold' }
const MAX_WINDOW = 2 ** 31 - 1

/** RFC 9113 6: each type of frame. */
export const controlRows: readonly Row[] = [
  { rule: '6.1 DATA on stream 0', send: [data(0, 'x')], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '6.1 DATA with padding is taken',
    send: [post(1), data(1, Buffer.from('\x03abc\0\0\0'), FLAG.PADDED | FLAG.END_STREAM)],
    expect: '200',
  },
  {
    rule: '6.1 DATA with padding as long as itself',
    send: [post(1), data(1, Buffer.from('\x04abc'), FLAG.PADDED | FLAG.END_STREAM)],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.1 padded DATA without the length',
    send: [post(1), data(1, '', FLAG.PADDED)],
    expect: 'connection FRAME_SIZE_ERROR',
    node: 'connection PROTOCOL_ERROR',
  },

  { rule: '6.2 HEADERS on stream 0', send: [request(0)], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '6.2 HEADERS with padding and priority are taken',
    send: [
      frame(
        TYPE.HEADERS,
        WHOLE | FLAG.PADDED | FLAG.PRIORITY,
        1,
        Buffer.concat([Buffer.from([2]), uint32(0), Buffer.from([15]), block(), Buffer.alloc(2)]),
      ),
    ],
    expect: '200',
  },
  {
    rule: '6.2 HEADERS with padding as long as themselves',
    send: [frame(TYPE.HEADERS, WHOLE | FLAG.PADDED, 1, Buffer.concat([Buffer.from([200]), block()]))],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.2 HEADERS too short for their priority',
    send: [frame(TYPE.HEADERS, WHOLE | FLAG.PRIORITY, 1, Buffer.alloc(3))],
    expect: 'connection FRAME_SIZE_ERROR',
  },

  {
    rule: '6.3 PRIORITY on stream 0',
    send: [priority(0), request(1)],
    expect: 'connection PROTOCOL_ERROR',
    node: '200',
  },
  {
    rule: '6.3 PRIORITY of 4 bytes',
    send: [post(1, HELD), frame(TYPE.PRIORITY, 0, 1, uint32(0))],
    expect: 'connection FRAME_SIZE_ERROR',
  },

  { rule: '6.4 RST_STREAM on stream 0', send: [reset(0)], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '6.4 RST_STREAM of 3 bytes',
    send: [post(1, HELD), frame(TYPE.RST_STREAM, 0, 1, Buffer.alloc(3))],
    expect: 'connection FRAME_SIZE_ERROR',
  },

  { rule: '6.5 SETTINGS on a stream', send: [frame(TYPE.SETTINGS, 0, 1)], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '6.5 SETTINGS that acknowledge with a payload',
    send: [frame(TYPE.SETTINGS, FLAG.ACK, 0, Buffer.alloc(6))],
    expect: 'connection FRAME_SIZE_ERROR',
  },
  {
    rule: '6.5 SETTINGS of 5 bytes',
    send: [frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(5))],
    expect: 'connection FRAME_SIZE_ERROR',
  },
  { rule: '6.5.2 ENABLE_PUSH of 2', send: [settings([SETTING.ENABLE_PUSH, 2])], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '6.5.2 INITIAL_WINDOW_SIZE beyond 2^31-1',
    send: [settings([SETTING.INITIAL_WINDOW_SIZE, MAX_WINDOW + 1])],
    expect: 'connection FLOW_CONTROL_ERROR',
  },
  {
    rule: '6.5.2 MAX_FRAME_SIZE under 2^14',
    send: [settings([SETTING.MAX_FRAME_SIZE, 16_383])],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.5.2 MAX_FRAME_SIZE of 2^24',
    send: [settings([SETTING.MAX_FRAME_SIZE, 2 ** 24])],
    expect: 'connection PROTOCOL_ERROR',
  },
  { rule: '6.5.2 an unknown setting is ignored', send: [settings([0xff, 1]), request(1)], expect: '200' },
  {
    rule: 'RFC 8441 3 ENABLE_CONNECT_PROTOCOL of 2',
    send: [settings([SETTING.ENABLE_CONNECT_PROTOCOL, 2])],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.5.3 every SETTINGS is acknowledged',
    async send(wire) {
      const acks = (): number =>
        wire.frames.filter(({ type, flags }) => type === TYPE.SETTINGS && flags === FLAG.ACK).length
      wire.send(settings(), settings([SETTING.MAX_CONCURRENT_STREAMS, 5]), request(1))
      await wire.find(() => acks() === 3)
    },
    expect: '200',
  },

  {
    rule: '6.6 PUSH_PROMISE of a client',
    send: [post(1, HELD), frame(TYPE.PUSH_PROMISE, FLAG.END_HEADERS, 1, Buffer.concat([uint32(2), block()]))],
    expect: 'connection PROTOCOL_ERROR',
  },

  {
    rule: '6.7 a PING is answered with its payload',
    async send(wire) {
      wire.send(ping('hedgehog'))
      await wire.find(
        ({ type, flags, payload }) => type === TYPE.PING && flags === FLAG.ACK && payload.toString() === 'hedgehog',
      )
      wire.send(request(1))
    },
    expect: '200',
  },
  {
    rule: '6.7 PING on a stream',
    send: [frame(TYPE.PING, 0, 1, Buffer.alloc(8))],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.7 PING of 7 bytes',
    send: [frame(TYPE.PING, 0, 0, Buffer.alloc(7))],
    expect: 'connection FRAME_SIZE_ERROR',
  },

  {
    rule: '6.8 GOAWAY on a stream',
    send: [frame(TYPE.GOAWAY, 0, 1, uint32(0, 0))],
    expect: 'connection PROTOCOL_ERROR',
  },
  { rule: '6.8 what was asked before GOAWAY is answered', send: [request(1), goaway()], expect: '200' },
  {
    rule: '6.8 GOAWAY of 7 bytes',
    send: [frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(7))],
    expect: 'connection FRAME_SIZE_ERROR',
  },

  { rule: '6.9 WINDOW_UPDATE of 0 on the connection', send: [windowUpdate(0, 0)], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '6.9 WINDOW_UPDATE of 0 on a stream',
    send: [post(1, HELD), windowUpdate(1, 0)],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.9 WINDOW_UPDATE of 3 bytes',
    send: [frame(TYPE.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
    expect: 'connection FRAME_SIZE_ERROR',
  },
  {
    rule: '6.9.1 the connection’s window overflows',
    send: [windowUpdate(0, MAX_WINDOW)],
    expect: 'connection FLOW_CONTROL_ERROR',
  },
  {
    rule: '6.9.1 a stream’s window overflows',
    send: [post(1, HELD), windowUpdate(1, MAX_WINDOW)],
    expect: 'connection FLOW_CONTROL_ERROR',
  },
  {
    rule: '6.9.2 a stream’s window overflows by INITIAL_WINDOW_SIZE',
    send: [post(1, HELD), windowUpdate(1, MAX_WINDOW - 65_535), settings([SETTING.INITIAL_WINDOW_SIZE, 65_536])],
    expect: 'connection FLOW_CONTROL_ERROR',
  },

  {
    rule: '6.10 CONTINUATION on stream 0',
    send: [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block()), frame(TYPE.CONTINUATION, OPEN, 0)],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.10 CONTINUATION on another stream',
    send: [frame(TYPE.HEADERS, FLAG.END_STREAM, 1, block()), frame(TYPE.CONTINUATION, OPEN, 3)],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.10 CONTINUATION behind END_HEADERS',
    send: [post(1, HELD), frame(TYPE.CONTINUATION, OPEN, 1, block())],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.10 CONTINUATION behind DATA',
    send: [post(1, HELD), data(1, 'x', FLAG.NONE), frame(TYPE.CONTINUATION, OPEN, 1, block())],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '6.10 a header block in several frames is taken',
    send: [
      frame(TYPE.HEADERS, FLAG.END_STREAM, 1, hpack(pseudoFields().slice(0, 1))),
      frame(TYPE.CONTINUATION, FLAG.NONE, 1),
      frame(TYPE.CONTINUATION, FLAG.NONE, 1, hpack(pseudoFields().slice(1))),
      frame(TYPE.CONTINUATION, FLAG.END_HEADERS, 1, hpack([['x-last', 'yes']])),
    ],
    expect: '200',
  },
]
