package tui

// The table of all that keys can do: the keys, the help, the palette and the names in the
// configuration all come from it.

import "charm.land/bubbles/v2/key"

// keyContext is where a key means something.
type keyContext uint8

// The contexts. A key may mean different things in two of them that are never in force
// together.
const (
	everywhere keyContext = iota
	inLists               // wherever a row is under the cursor
	inTables              // Connections, State and Logs: lists that can be searched
	inClients
	inState
	inPairing
	inLogs
)

// String is the context's heading in the help.
func (c keyContext) String() string {
	return [...]string{"Everywhere", "In lists", "In tables", "Connections", "State", "Pairing", "Logs"}[c]
}

// contextsOf are the contexts in force together in each pane.
var contextsOf = [panes][]keyContext{
	overviewPane: {everywhere, inLists},
	clientsPane:  {everywhere, inLists, inTables, inClients},
	statePane:    {everywhere, inLists, inTables, inState},
	pairingPane:  {everywhere, inLists, inPairing},
	logsPane:     {everywhere, inLists, inTables, inLogs},
}

// action is one line of the table of keys.
type action struct {
	name    string // in the configuration: "quit-keep"
	context keyContext
	binding func(*keyMap) *key.Binding
	keys    []string
	help    string
}

// actions is every key there is. Terminals and shells want ctrl+d, ctrl+k and ctrl+a for
// themselves, and ctrl+z would stop the router: none of them is used.
var actions = []action{
	{"help", everywhere, func(k *keyMap) *key.Binding { return &k.Help }, []string{"?"}, "help"},
	{"palette", everywhere, func(k *keyMap) *key.Binding { return &k.Palette }, []string{":"}, "all actions by name"},
	{"quit", everywhere, func(k *keyMap) *key.Binding { return &k.Quit }, []string{"q", "ctrl+c"}, "quit"},
	{"quit-keep", everywhere, func(k *keyMap) *key.Binding { return &k.QuitKeep }, []string{"Q"}, "quit, leave the last screen"},
	{"detach", everywhere, func(k *keyMap) *key.Binding { return &k.Detach }, []string{"D"}, "leave the dashboard, the router goes on"},
	{"freeze", everywhere, func(k *keyMap) *key.Binding { return &k.Freeze }, []string{"space"}, "freeze the screen"},
	{"zoom", everywhere, func(k *keyMap) *key.Binding { return &k.Zoom }, []string{"z"}, "zoom the pane"},
	{"next-pane", everywhere, func(k *keyMap) *key.Binding { return &k.NextPane }, []string{"tab"}, "next pane"},
	{"previous-pane", everywhere, func(k *keyMap) *key.Binding { return &k.PrevPane }, []string{"shift+tab"}, "previous pane"},
	{"overview", everywhere, func(k *keyMap) *key.Binding { return &k.Pane1 }, []string{"1"}, "Overview"},
	{"connections", everywhere, func(k *keyMap) *key.Binding { return &k.Pane2 }, []string{"2"}, "Connections"},
	{"state", everywhere, func(k *keyMap) *key.Binding { return &k.Pane3 }, []string{"3"}, "State"},
	{"pairing", everywhere, func(k *keyMap) *key.Binding { return &k.Pane4 }, []string{"4"}, "Pairing"},
	{"logs", everywhere, func(k *keyMap) *key.Binding { return &k.Pane5 }, []string{"5"}, "Logs"},
	{"who-wants-in", everywhere, func(k *keyMap) *key.Binding { return &k.Pairing }, []string{"P"}, "go to who wants in"},
	{"mouse", everywhere, func(k *keyMap) *key.Binding { return &k.Mouse }, []string{"m"}, "mouse on or off"},
	{"privacy", everywhere, func(k *keyMap) *key.Binding { return &k.Privacy }, []string{"H"}, "hide names, addresses and PINs"},
	{"marks", everywhere, func(k *keyMap) *key.Binding { return &k.Marks }, []string{"M"}, "mark changes or not"},

	{"up", inLists, func(k *keyMap) *key.Binding { return &k.Up }, []string{"up", "k"}, "up"},
	{"down", inLists, func(k *keyMap) *key.Binding { return &k.Down }, []string{"down", "j"}, "down"},
	{"page-up", inLists, func(k *keyMap) *key.Binding { return &k.PageUp }, []string{"pgup"}, "page up"},
	{"page-down", inLists, func(k *keyMap) *key.Binding { return &k.PageDown }, []string{"pgdown"}, "page down"},
	{"home", inLists, func(k *keyMap) *key.Binding { return &k.Home }, []string{"home", "g"}, "first"},
	{"end", inLists, func(k *keyMap) *key.Binding { return &k.End }, []string{"end", "G"}, "last"},
	{"left", inLists, func(k *keyMap) *key.Binding { return &k.Left }, []string{"left", "h"}, "left, close"},
	{"right", inLists, func(k *keyMap) *key.Binding { return &k.Right }, []string{"right", "l"}, "right, open"},
	{"enter", inLists, func(k *keyMap) *key.Binding { return &k.Enter }, []string{"enter"}, "details"},

	{"back", inTables, func(k *keyMap) *key.Binding { return &k.Back }, []string{"esc"}, "back, clear the filter"},
	{"filter", inTables, func(k *keyMap) *key.Binding { return &k.Filter }, []string{"/"}, "filter"},
	{"next", inTables, func(k *keyMap) *key.Binding { return &k.Next }, []string{"n"}, "next hit"},
	{"previous", inTables, func(k *keyMap) *key.Binding { return &k.Previous }, []string{"N"}, "previous hit"},
	{"copy", inTables, func(k *keyMap) *key.Binding { return &k.Copy }, []string{"y"}, "copy"},
	{"copy-value", inTables, func(k *keyMap) *key.Binding { return &k.CopyValue }, []string{"Y"}, "copy all of it"},

	{"sort", inClients, func(k *keyMap) *key.Binding { return &k.Sort }, []string{"s"}, "sort by the next column"},
	{"reverse", inClients, func(k *keyMap) *key.Binding { return &k.Reverse }, []string{"r"}, "reverse the order"},
	{"columns", inClients, func(k *keyMap) *key.Binding { return &k.Columns }, []string{"c"}, "choose columns"},
	{"slow-top", inClients, func(k *keyMap) *key.Binding { return &k.SlowTop }, []string{"S"}, "slow ones first"},
	{"disconnect", inClients, func(k *keyMap) *key.Binding { return &k.Disconnect }, []string{"x"}, "disconnect"},
	{"ban", inClients, func(k *keyMap) *key.Binding { return &k.Ban }, []string{"b"}, "ban until restart"},
	{"logs-of", inClients, func(k *keyMap) *key.Binding { return &k.LogsOf }, []string{"L"}, "log lines of this client"},

	{"pin", inState, func(k *keyMap) *key.Binding { return &k.Pin }, []string{"p"}, "pin to the watch strip"},
	{"edit", inState, func(k *keyMap) *key.Binding { return &k.Edit }, []string{"e"}, "set a value"},
	{"expand", inState, func(k *keyMap) *key.Binding { return &k.Expand }, []string{"+"}, "open all below"},
	{"collapse", inState, func(k *keyMap) *key.Binding { return &k.Collapse }, []string{"-"}, "close all below"},
	{"clear-history", inState, func(k *keyMap) *key.Binding { return &k.ClearHistory }, []string{"C"}, "forget the history"},

	{"approve", inPairing, func(k *keyMap) *key.Binding { return &k.Approve }, []string{"y"}, "let it in"},
	{"deny", inPairing, func(k *keyMap) *key.Binding { return &k.Deny }, []string{"n"}, "turn it away"},
	{"later", inPairing, func(k *keyMap) *key.Binding { return &k.Later }, []string{"esc"}, "later"},
	{"show-pin", inPairing, func(k *keyMap) *key.Binding { return &k.ShowPIN }, []string{"p"}, "show a PIN for it"},
	{"invite", inPairing, func(k *keyMap) *key.Binding { return &k.Invite }, []string{"i"}, "invite a device"},
	{"edit-grant", inPairing, func(k *keyMap) *key.Binding { return &k.EditGrant }, []string{"e"}, "change what it gets"},
	{"copy-code", inPairing, func(k *keyMap) *key.Binding { return &k.CopyCode }, []string{"c"}, "copy the link"},
	{"revoke", inPairing, func(k *keyMap) *key.Binding { return &k.Revoke }, []string{"x"}, "revoke a device"},
	{"rename", inPairing, func(k *keyMap) *key.Binding { return &k.Rename }, []string{"r"}, "rename a device"},
	{"unlock", inPairing, func(k *keyMap) *key.Binding { return &k.Unlock }, []string{"u"}, "unlock invite PINs"},

	{"level-up", inLogs, func(k *keyMap) *key.Binding { return &k.LevelUp }, []string{">"}, "less detail"},
	{"level-down", inLogs, func(k *keyMap) *key.Binding { return &k.LevelDown }, []string{"<"}, "more detail"},
	{"follow", inLogs, func(k *keyMap) *key.Binding { return &k.Follow }, []string{"f"}, "follow"},
	{"wrap", inLogs, func(k *keyMap) *key.Binding { return &k.Wrap }, []string{"w"}, "wrap long lines"},
	{"times", inLogs, func(k *keyMap) *key.Binding { return &k.Times }, []string{"t"}, "times"},
	{"mark", inLogs, func(k *keyMap) *key.Binding { return &k.Mark }, []string{"v"}, "mark a line"},
	{"save", inLogs, func(k *keyMap) *key.Binding { return &k.Save }, []string{"s"}, "save to a file"},
}
