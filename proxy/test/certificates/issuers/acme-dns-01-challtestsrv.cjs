// A module in the shape of greenlock's acme-dns-01-*: it writes into the DNS of pebble-challtestsrv.
module.exports.create = ({ url, zone, propagationDelay }) => {
  let request
  const tell = (path, body) => request({ method: 'POST', url: url + path, body: JSON.stringify(body) })
  return {
    propagationDelay,
    async init(tools) {
      request = tools.request
      return null
    },
    zones: async ({ challenge }) => (challenge.dnsHosts.length > 0 ? ['example', zone] : []),
    async set({ challenge }) {
      const { dnsZone, dnsPrefix, dnsHost, keyAuthorizationDigest: value } = challenge
      if (dnsZone !== zone || `${dnsPrefix}.${dnsZone}` !== dnsHost) throw new Error(`wrong zone: ${dnsZone}`)
      await tell('/set-txt', { host: `${dnsHost}.`, value })
      return null
    },
    async remove({ challenge }) {
      await tell('/clear-txt', { host: `${challenge.dnsHost}.` })
      return null
    },
    get: async () => null,
  }
}
