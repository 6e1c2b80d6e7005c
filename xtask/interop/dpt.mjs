// The discovery of @ethereumjs/devp2p (DPT, discv4 without records). It reads commands as lines of JSON from stdin and
// writes events as lines of JSON to stdout. All decoding is done by that library.

import { createInterface } from 'node:readline'
import { DPT, genPrivateKey } from '@ethereumjs/devp2p'

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const emit = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)

// It asks each peer for other nodes every two seconds.
const dpt = new DPT(genPrivateKey(), {
  endpoint: { address: '127.0.0.1', udpPort: null, tcpPort: null },
  refreshInterval: 2000,
})

dpt.events.on('error', (error) => emit('error', { text: String(error) }))
dpt.events.on('peer:added', (peer) => emit('added', { id: hex(peer.id), port: peer.udpPort }))
dpt.events.on('listening', () => {
  // The library does not report the port that the system has chosen, but its socket knows it.
  emit('listening', { id: hex(dpt.id), port: dpt._server._socket.address().port })
})

const commands = {
  bootstrap({ address, udp, tcp }) {
    dpt.bootstrap({ address, udpPort: udp, tcpPort: tcp })
  },
}

dpt.bind(0, '127.0.0.1')

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const command = JSON.parse(line)
  commands[command.do](command)
})
// The process that started this one has ended.
lines.on('close', () => process.exit(0))
