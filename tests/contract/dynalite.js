// Starts dynalite on loopback, says where, and ends when whoever started it does: then its standard input closes.
const server = require('dynalite')({ createTableMs: 0, deleteTableMs: 0 })

server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
process.stdin.on('end', () => process.exit(0)).resume()
