// The table of options: operations section 1, one entry an option. Nothing
// else in the program lists them.

package config

import (
	"strings"

	"github.com/clasp-studio/clasp/router/sites"
)

// option is one row of the reference page.
type option struct {
	group   string   // heading in the help
	flag    string   // name of the flag, empty for none
	short   string   // one-letter form of the flag
	path    string   // YAML path below "server", empty for none
	aliases []string // other YAML paths accepted for it
	env     []string // environment names besides the one made from path
	metavar string   // the value in the help, as in "--port <PORT>"
	help    string
	initial string // default, in the form it is written in YAML; of a list, one item in brackets
	derived string // words for a default that is worked out at start
	leader  string // path of the option whose value is that default
	example string // value in the sample file where there is no default
	min     int    // range of a number, in its unit
	max     int
	choices []string
	bare    string             // of the choices: what the flag means without a value, and "true"
	off     bool               // of a time: "off" is 0
	exists  bool               // names a file that must be readable
	live    bool               // takes effect on SIGHUP
	cert    bool               // names a file of the certificate; taken while there is TLS before and after
	items   string             // what a list of texts has in it, for messages
	check   func(string) error // what is wrong with a text, or with an item of a list; nil takes any
	field   func(*Config) any
}

const (
	maxPort = 65535
	day     = 24 * 60 * 60 // seconds
	million = 1_000_000
)

var options = []*option{
	{group: "Network", flag: "name", path: "name", metavar: "NAME", derived: "hostname", example: "Studio",
		help:  "Name of this router, told to clients",
		field: func(c *Config) any { return &c.Name }},
	{group: "Network", flag: "port", path: "port", metavar: "PORT", initial: "7330", max: maxPort,
		help:  "WebSocket port to listen on",
		field: func(c *Config) any { return &c.Port }},
	{group: "Network", flag: "bind", path: "bind", metavar: "ADDRESS", initial: "0.0.0.0",
		help:  "Address to bind to; 0.0.0.0 is IPv4 only, :: is IPv4 and IPv6",
		field: func(c *Config) any { return &c.Bind }},
	{group: "Network", flag: "quic", path: "quic.enabled", initial: "false",
		help:  "Enable QUIC transport (requires TLS)",
		field: func(c *Config) any { return &c.QUIC.Enabled }},
	{group: "Network", flag: "quic-port", path: "quic.port", metavar: "PORT", derived: "same as --port", leader: "port", example: "7330", max: maxPort,
		help:  "QUIC port",
		field: func(c *Config) any { return &c.QUIC.Port }},
	{group: "Network", flag: "udp", path: "udp.enabled", initial: "false",
		help:  "Enable UDP transport",
		field: func(c *Config) any { return &c.UDP.Enabled }},
	{group: "Network", flag: "udp-port", path: "udp.port", metavar: "PORT", initial: "7331", max: maxPort,
		help:  "UDP port",
		field: func(c *Config) any { return &c.UDP.Port }},
	{group: "Network", flag: "tcp", path: "tcp.enabled", initial: "false",
		help:  "Enable TCP transport (Arduino clients)",
		field: func(c *Config) any { return &c.TCP.Enabled }},
	{group: "Network", flag: "tcp-port", path: "tcp.port", metavar: "PORT", initial: "7332", max: maxPort,
		help:  "TCP port",
		field: func(c *Config) any { return &c.TCP.Port }},

	{group: "TLS", flag: "tls", path: "tls.enabled", initial: "false",
		help:  "Enable TLS (WSS); a certificate and a key together turn it on too",
		field: func(c *Config) any { return &c.TLS.Enabled }},
	{group: "TLS", flag: "tls-cert", path: "tls.cert", metavar: "PATH", example: "/path/to/cert.pem", exists: true, cert: true, live: true,
		help:  "Path to TLS certificate file",
		field: func(c *Config) any { return &c.TLS.Cert }},
	{group: "TLS", flag: "tls-key", path: "tls.key", metavar: "PATH", example: "/path/to/key.pem", exists: true, cert: true, live: true,
		help:  "Path to TLS private key file",
		field: func(c *Config) any { return &c.TLS.Key }},

	{group: "Discovery", flag: "mdns", path: "discovery.mdns.enabled", initial: "false",
		help:  "Enable mDNS advertisement",
		field: func(c *Config) any { return &c.Discovery.MDNS.Enabled }},
	{group: "Discovery", flag: "mdns-name", path: "discovery.mdns.name", metavar: "NAME", derived: "hostname", leader: "name", example: "Studio Router",
		help:  "Name to advertise via mDNS; that of --name where given",
		field: func(c *Config) any { return &c.Discovery.MDNS.Name }},
	{group: "Discovery", path: "discovery.udp.enabled", initial: "false",
		help:  "Answer discovery probes over UDP; --mdns and --discovery-port turn it on too",
		field: func(c *Config) any { return &c.Discovery.UDP.Enabled }},
	{group: "Discovery", flag: "discovery-port", path: "discovery.udp.port", metavar: "PORT", initial: "7331", max: maxPort,
		help:  "UDP discovery port; giving the flag turns UDP discovery on",
		field: func(c *Config) any { return &c.Discovery.UDP.Port }},

	{group: "Security", flag: "require-auth", path: "security.require_auth", initial: "false", live: true,
		help:  "Require authentication token",
		field: func(c *Config) any { return &c.Security.RequireAuth }},
	{group: "Security", flag: "token-secret", path: "security.token_secret", env: []string{"CLASP_TOKEN_SECRET"}, metavar: "SECRET",
		example: "${TOKEN_SECRET}", live: true,
		help:  "Secret for JWT token validation",
		field: func(c *Config) any { return &c.Security.TokenSecret }},
	{group: "Security", flag: "token-secret-file", path: "security.token_secret_file", env: []string{"CLASP_TOKEN_SECRET_FILE"}, metavar: "PATH",
		example: "/run/secrets/clasp", exists: true, live: true,
		help:  "File holding that secret, so that no process list shows it",
		field: func(c *Config) any { return &c.Security.TokenSecretFile }},
	{group: "Security", flag: "token-public-key", path: "security.token_public_key", metavar: "PATH",
		example: "/path/to/public.pem", exists: true, live: true,
		help:  "Public key file for RS256 tokens",
		field: func(c *Config) any { return &c.Security.TokenPublicKey }},
	{group: "Security", path: "security.token_issuer", example: "https://studio.example", live: true, check: checkText,
		help:  "Take only tokens whose issuer (iss) is this",
		field: func(c *Config) any { return &c.Security.TokenIssuer }},
	{group: "Security", path: "security.token_audience", example: "clasp-stage", live: true, check: checkText,
		help:  "Take only tokens that are meant for this audience (aud)",
		field: func(c *Config) any { return &c.Security.TokenAudience }},
	{group: "Security", path: "security.revoked_tokens", example: "[0b9f6e2c]", live: true, items: "token ids", check: checkText,
		help:  "Ids (jti) of tokens that are refused from now on",
		field: func(c *Config) any { return &c.Security.RevokedTokens }},
	{group: "Security", path: "security.allowed_origins", example: "[same, https://panel.example]", live: true, items: "origins", check: sites.Check,
		help:  "Web pages that may connect: same, any, https://host[:port], https://*.host; any page may when there is no list",
		field: func(c *Config) any { return &c.Security.AllowedOrigins }},
	{group: "Security", flag: "pairing", path: "security.pairing.enabled", initial: "false", live: true,
		help:  "Enable pairing mode; turns --require-auth on",
		field: func(c *Config) any { return &c.Security.Pairing.Enabled }},
	{group: "Security", flag: "pairing-timeout", path: "security.pairing.timeout", aliases: []string{"security.pairing.pin_timeout"},
		metavar: "SECONDS", initial: "300", min: 30, max: 3600, live: true,
		help:  "Pairing PIN timeout",
		field: func(c *Config) any { return &c.Security.Pairing.Timeout }},
	{group: "Security", path: "security.pairing.approval", initial: "pin", choices: []string{"pin", "operator", "both"}, live: true,
		help:  "What lets a device in: its PIN or the operator's word (pin), only that word (operator), or both; the link of an invite always does, with any profile",
		field: func(c *Config) any { return &c.Security.Pairing.Approval }},
	{group: "Security", path: "security.pairing.lobby", initial: "true", live: true,
		help:  "Let devices ask to be let in; without it only invites let one in. That needs no restart, as turning pairing off does",
		field: func(c *Config) any { return &c.Security.Pairing.Lobby }},
	{group: "Security", path: "security.pairing.reconnect_grace", initial: "600", max: day, off: true, live: true,
		help:  "Seconds for which a device that has no token may come back unasked, by its name and address; off for hostile networks",
		field: func(c *Config) any { return &c.Security.Pairing.Grace }},
	{group: "Security", path: "security.pairing.max_pins", initial: "1", min: 1, max: 4, live: true,
		help:  "PINs of invites that may be open at once; a guess can hit any of them",
		field: func(c *Config) any { return &c.Security.Pairing.MaxPINs }},
	{group: "Security", path: "security.pairing.require_tls", initial: "false", live: true,
		help:  "Let devices pair over encrypted connections only (wss, https, quic; it needs TLS), others get ERROR 319. Not asked are devices with a token, back within reconnect_grace or let in by 'clasp pair allow', and whatever comes from this machine, as all behind a plain proxy on it seem to",
		field: func(c *Config) any { return &c.Security.Pairing.TLS }},
	{group: "Security", path: "security.pairing.default_permissions.read", initial: "[/**]", live: true, items: "patterns", check: checkPattern,
		help:  "What a paired device may read, unless it gets another profile; {device} stands for its name",
		field: func(c *Config) any { return &c.Security.Pairing.Default.Read }},
	{group: "Security", path: "security.pairing.default_permissions.write", initial: "[/**]", live: true, items: "patterns", check: checkPattern,
		help:  "What it may write",
		field: func(c *Config) any { return &c.Security.Pairing.Default.Write }},
	{group: "Security", path: "security.pairing.profiles", example: "{lighting: {read: [/**], write: [/lights/**], no_pin: false}}", live: true,
		help:  "Profiles besides or in place of default, viewer, operator, sensor and admin; no_pin ones are not given by a PIN alone",
		field: func(c *Config) any { return &c.Security.Pairing.Profiles }},
	{group: "Security", path: "security.pairing.file", derived: "beside the state, or else with the configuration of this user", example: "/var/lib/clasp/devices", check: checkText,
		help:  "File of the paired devices",
		field: func(c *Config) any { return &c.Security.Pairing.File }},

	{group: "Limits", flag: "max-connections", path: "limits.max_connections", metavar: "N", initial: "10000", min: 1, max: million, live: true,
		help:  "Maximum client connections, at most a quarter of them over UDP",
		field: func(c *Config) any { return &c.Limits.MaxConnections }},
	{group: "Limits", path: "limits.max_connections_per_ip", initial: "0", max: million, live: true,
		help:  "Maximum connections from one IP address (an IPv6 /64 counts as one), at most a quarter of them over UDP; 0 for no limit",
		field: func(c *Config) any { return &c.Limits.MaxConnectionsPerIP }},
	{group: "Limits", flag: "max-message-size", path: "limits.max_message_size", metavar: "BYTES", initial: "65536", min: 256, max: 64 << 20, live: true,
		help:  "Maximum message size",
		field: func(c *Config) any { return &c.Limits.MaxMessageSize }},
	{group: "Limits", flag: "max-subscriptions", path: "limits.max_subscriptions", aliases: []string{"limits.max_subscriptions_per_client"},
		metavar: "N", initial: "1000", min: 1, max: million, live: true,
		help:  "Maximum subscriptions per client",
		field: func(c *Config) any { return &c.Limits.MaxSubscriptions }},
	{group: "Limits", flag: "max-messages-per-second", path: "limits.max_messages_per_second", metavar: "N", initial: "0", max: 1000 * million, live: true,
		help:  "Maximum messages a client may send in a second, 0 for no limit",
		field: func(c *Config) any { return &c.Limits.MaxMessagesPerSecond }},
	{group: "Limits", flag: "session-timeout", path: "limits.session_timeout", metavar: "SECONDS", initial: "300", max: 30 * day, live: true,
		help:  "Close a session idle for this long, 0 for never",
		field: func(c *Config) any { return &c.Limits.SessionTimeout }},
	{group: "Limits", path: "limits.max_params", initial: "1000000", min: 1, max: 1000 * million, live: true,
		help:  "Maximum params kept",
		field: func(c *Config) any { return &c.Limits.MaxParams }},
	{group: "Limits", path: "limits.welcome_snapshot", initial: "10000", max: 1000 * million, live: true,
		help:  "Send all params to a client that connects, unless there are more than this; 0 for never",
		field: func(c *Config) any { return &c.Limits.WelcomeSnapshot }},

	{group: "Conflicts", path: "conflicts", example: "[{pattern: /lights/**, strategy: max}]", live: true,
		help:  "What happens to concurrent writes, by pattern: " + strings.Join(Strategies(), ", ") + "; the first pattern that matches decides",
		field: func(c *Config) any { return &c.Conflicts }},

	{group: "Persistence", flag: "persist", path: "persistence.enabled", initial: "false",
		help:  "Enable state persistence",
		field: func(c *Config) any { return &c.Persistence.Enabled }},
	{group: "Persistence", flag: "persist-path", path: "persistence.path", metavar: "PATH", initial: "./clasp-state.db",
		help:  "Persistence database path",
		field: func(c *Config) any { return &c.Persistence.Path }},
	{group: "Persistence", flag: "persist-interval", path: "persistence.sync_interval", metavar: "SECONDS", initial: "5", min: 1, max: day,
		help:  "Sync interval",
		field: func(c *Config) any { return &c.Persistence.SyncInterval }},
	{group: "Persistence", path: "persistence.exclude", example: "[/strobe/**, /pyro/**]", items: "patterns", check: checkPattern,
		help:  "Patterns of params that are not kept, so that they start at rest",
		field: func(c *Config) any { return &c.Persistence.Exclude }},

	{group: "Logging", flag: "log-level", path: "logging.level", env: []string{"CLASP_LOG_LEVEL"}, metavar: "LEVEL", initial: "info",
		choices: []string{"error", "warn", "info", "debug", "trace"}, live: true,
		help:  "Log level: error, warn, info, debug, trace",
		field: func(c *Config) any { return &c.Logging.Level }},
	{group: "Logging", flag: "log-format", path: "logging.format", metavar: "FORMAT", initial: "text", choices: []string{"text", "json"},
		help:  "Log format: text, json",
		field: func(c *Config) any { return &c.Logging.Format }},
	{group: "Logging", flag: "log-file", path: "logging.file", metavar: "PATH", example: "/var/log/clasp.log", live: true,
		help:  "Log to file instead of stdout",
		field: func(c *Config) any { return &c.Logging.File }},

	{group: "Metrics", flag: "metrics", path: "metrics.enabled", initial: "false",
		help:  "Enable Prometheus metrics",
		field: func(c *Config) any { return &c.Metrics.Enabled }},
	{group: "Metrics", flag: "metrics-port", path: "metrics.port", metavar: "PORT", initial: "9090", max: maxPort,
		help:  "Metrics HTTP port",
		field: func(c *Config) any { return &c.Metrics.Port }},

	{group: "Dashboard", flag: "tui", metavar: "auto|on|off", initial: "off", choices: []string{"auto", "on", "off"}, bare: "on",
		help:  "Show the dashboard in this terminal; --tui=auto does if there is one",
		field: func(c *Config) any { return &c.TUI.Mode }},
	{group: "Dashboard", flag: "tui-theme", path: "tui.theme", metavar: "THEME", initial: "auto",
		choices: []string{"auto", "dark", "light", "contrast", "mono", "blind"},
		help:    "Its colours: auto, dark, light, contrast, mono, blind (no red beside green)",
		field:   func(c *Config) any { return &c.TUI.Theme }},
	{group: "Dashboard", flag: "tui-ascii", path: "tui.ascii", initial: "false",
		help:  "Draw it with ASCII alone, as where the locale is not UTF-8",
		field: func(c *Config) any { return &c.TUI.ASCII }},
	{group: "Dashboard", flag: "tui-fps", path: "tui.fps", metavar: "N", initial: "0", max: 30,
		help:  "Frames a second at most; 0 for 20, and 10 over ssh",
		field: func(c *Config) any { return &c.TUI.FPS }},
	{group: "Dashboard", flag: "tui-readonly", path: "tui.readonly", initial: "false",
		help:  "Change nothing of the router from the dashboard; q leaves it, and the router goes on",
		field: func(c *Config) any { return &c.TUI.ReadOnly }},
	{group: "Dashboard", flag: "tui-privacy", path: "tui.privacy", initial: "false",
		help:  "Start with names, addresses of machines and PINs masked, for a screen that others see",
		field: func(c *Config) any { return &c.TUI.Privacy }},
	{group: "Dashboard", flag: "tui-notify", path: "tui.notify", initial: "true",
		help:  "Ring the bell and change the window's title when a device wants in",
		field: func(c *Config) any { return &c.TUI.Notify }},
	{group: "Dashboard", path: "tui.keys", example: "{detach: [D, ctrl+g], freeze: [f]}",
		help:  "Keys in place of the usual ones, by action; ? in the dashboard lists them",
		field: func(c *Config) any { return &c.TUI.Keys }},

	{group: "Other", flag: "config", short: "c", env: []string{"CLASP_CONFIG"}, metavar: "PATH",
		help:  "Configuration file path",
		field: func(c *Config) any { return &c.File }},
}

// named finds an option by its YAML path or, for those without one, its flag.
// A name the table does not have is a mistake in this package, found by its
// tests.
func named(name string) *option {
	for _, o := range options {
		if o.path == name || o.path == "" && o.flag == name {
			return o
		}
	}
	panic("config: no option " + name)
}

// environment returns the names of the variables that set the option, the
// preferred one first.
func (o *option) environment() []string {
	if o.path == "" || o.isList() {
		return o.env
	}
	return append(o.env[:len(o.env):len(o.env)], "CLASP_"+strings.ToUpper(strings.ReplaceAll(o.path, ".", "_")))
}

// key is the option's place in a file, as messages name it.
func (o *option) key() string { return root + "." + o.path }

// root is the key of the file that everything stands under.
const root = "server"
