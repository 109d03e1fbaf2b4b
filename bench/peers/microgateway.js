// microgateway-core alone: no plugins, logging off.  Arguments: port, upstream port.
const [port, upstream] = process.argv.slice(2).map(Number);
const gateway = require('microgateway-core')({
  edgemicro: {
    port, address: '127.0.0.1', max_connections: 1000, keep_alive_timeout: 300000, nodelay: true,
    logging: { level: 'none', dir: require('os').tmpdir(), stats_log_interval: 60, rotate_interval: 24, to_console: false },
    plugins: { sequence: [] },
  },
  headers: { 'x-forwarded-for': true, 'x-forwarded-host': true, 'x-request-id': true, 'x-response-time': true, via: true },
  proxies: [{ base_path: '/', name: 'bench', url: `http://127.0.0.1:${upstream}`, max_connections: 256, revision: '1', proxy_name: 'default' }],
});
gateway.start((error) => { if (error) { console.error(error); process.exit(1); } });
