// A challenge of greenlock, of any type, that is answered outside of its thread; there it is withdrawn, too.
const underway = globalThis[Symbol.for('blot-edge.greenlock.underway')]

module.exports.create = () => ({
  // Waited for where the answer is given.
  propagationDelay: 1,
  init: async (_tools) => null,
  zones: async (_asked) => [],
  get: async (_asked) => null,
  remove: async (_asked) => null,
  set: async ({ challenge: { type, identifier, wildcard, token } }) => {
    await underway().present({ type, name: identifier.value, wildcard: wildcard === true, token })
    return null
  },
})
