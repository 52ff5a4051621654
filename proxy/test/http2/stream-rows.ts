import { FLAG, frame, TYPE } from './frames.ts'
import { block, data, OPEN, over, post, priority, request, reset, windowUpdate, type Row } from './row.ts'

/** A stream that the origin does not answer. */
const HELD = { path: '/hold' }

/**
 * RFC 9113 5: what a stream's state allows, and which identifiers it may have. Frames on a closed stream MAY be an error of
 * the connection; Node ignores them, and what counts is that no second answer comes.
 */
export const streamRows: readonly Row[] = [
  { rule: '5.1 idle: DATA', send: [data(1, 'x')], expect: 'connection PROTOCOL_ERROR' },
  { rule: '5.1 idle: RST_STREAM', send: [reset(1)], expect: 'connection PROTOCOL_ERROR' },
  { rule: '5.1 idle: WINDOW_UPDATE', send: [windowUpdate(1, 1)], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '5.1 idle: CONTINUATION',
    send: [frame(TYPE.CONTINUATION, OPEN, 1, block())],
    expect: 'connection PROTOCOL_ERROR',
  },
  { rule: '5.1 idle: PRIORITY is allowed', send: [priority(1), request(1)], expect: '200' },
  { rule: '5.1 half-closed: DATA', send: [request(1, HELD), data(1, 'x')], expect: 'connection STREAM_CLOSED' },
  { rule: '5.1 half-closed: HEADERS', send: [request(1, HELD), request(1, HELD)], expect: 'connection STREAM_CLOSED' },
  {
    rule: '5.1 half-closed: CONTINUATION',
    send: [request(1, HELD), frame(TYPE.CONTINUATION, OPEN, 1, block())],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '5.1 half-closed: WINDOW_UPDATE and PRIORITY are allowed',
    send: [request(1), windowUpdate(1, 10), priority(1)],
    expect: '200',
  },
  {
    rule: '5.1 closed by RST_STREAM: DATA and HEADERS are ignored',
    send: [post(1, HELD), reset(1), data(1, 'x'), request(1), request(3)],
    expect: '200',
  },
  {
    rule: '5.1 closed by RST_STREAM: CONTINUATION',
    send: [post(1, HELD), reset(1), frame(TYPE.CONTINUATION, OPEN, 1, block())],
    expect: 'connection PROTOCOL_ERROR',
  },
  {
    rule: '5.1 closed by RST_STREAM: WINDOW_UPDATE, RST_STREAM and PRIORITY are ignored',
    send: [post(1, HELD), reset(1), windowUpdate(1, 1), reset(1), priority(1), request(3)],
    expect: '200',
  },
  {
    rule: '5.1 closed by END_STREAM: DATA and HEADERS are ignored',
    async send(wire) {
      wire.send(request(1))
      await over(wire, 1)
      wire.send(data(1, 'x'), request(1), request(3))
      await over(wire, 3)
      if (wire.frames.filter(({ type }) => type === TYPE.HEADERS).length !== 2) throw new Error('answered twice')
    },
    stream: 3,
    expect: '200',
  },
  {
    rule: '5.1 closed by END_STREAM: WINDOW_UPDATE, RST_STREAM and PRIORITY are ignored',
    async send(wire) {
      wire.send(request(1))
      await over(wire, 1)
      wire.send(windowUpdate(1, 1), reset(1), priority(1), request(3))
    },
    stream: 3,
    expect: '200',
  },
  { rule: '5.1.1 an even identifier', send: [request(2)], expect: 'connection PROTOCOL_ERROR' },
  {
    rule: '5.1.1 an identifier smaller than one before',
    send: [request(5, HELD), request(3), request(7)],
    expect: 'connection PROTOCOL_ERROR',
    node: '200',
  },
  { rule: '5.1.1 identifiers may be skipped', send: [request(101)], expect: '200' },
  {
    rule: '5.3 a stream that depends on itself: priority means nothing',
    send: [priority(1, 1), request(1)],
    expect: '200',
  },
  {
    rule: '5.4.2 an error of a stream leaves the others alone',
    send: [request(1, { extra: [['Upper', 'case']] }), request(3)],
    stream: 3,
    expect: '200',
  },
  { rule: '5.1 a request whose body ends with an empty DATA', send: [post(1), data(1, '')], expect: '200' },
  {
    rule: '8.1 trailers end a request',
    send: [post(1), data(1, 'x', FLAG.NONE), request(1, { pseudo: [['x-trailer', 'y']] })],
    expect: '200',
  },
]
