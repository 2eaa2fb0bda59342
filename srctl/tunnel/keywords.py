"""The options of ssh_config(5) by name, for the reader that stands in for ssh."""

_ALL = """
    addkeystoagent addressfamily batchmode bindaddress bindinterface canonicaldomains canonicalizefallbacklocal
    canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms certificatefile
    channeltimeout checkhostip ciphers clearallforwardings compression connectionattempts connecttimeout controlmaster
    controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure
    fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports
    globalknownhostsfile gssapiauthentication gssapidelegatecredentials hashknownhosts hostbasedacceptedalgorithms
    hostbasedauthentication hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent identityfile ipqos
    kbdinteractiveauthentication kbdinteractivedevices kexalgorithms knownhostscommand localcommand localforward
    loglevel logverbose macs nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming
    passwordauthentication permitlocalcommand permitremoteopen pkcs11provider port preferredauthentications proxycommand
    proxyjump proxyusefdpass pubkeyacceptedalgorithms pubkeyauthentication refuseconnection rekeylimit remotecommand
    remoteforward requesttty requiredrsasize revokedhostkeys securitykeyprovider sendenv serveralivecountmax
    serveraliveinterval sessiontype setenv stdinnull streamlocalbindmask streamlocalbindunlink stricthostkeychecking
    syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys user userknownhostsfile verifyhostkeydns
    versionaddendum visualhostkey warnweakcrypto xauthlocation
    cipher compressionlevel dsaauthentication fallbacktorsh gssapikexalgorithms gssapikeyexchange
    gssapirenewalforcesrekey gssapitrustdns protocol rhostsrsaauthentication rsaauthentication useblacklistedkeys
    usekeychain useprivilegedport userknownhostsfile2 globalknownhostsfile2 useroaming
"""
KEYWORDS = frozenset(_ALL.split())
"""Those of OpenSSH, of its packages in distributions, and those that it has given up and passes over."""

ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "hostbasedkeytypes": "hostbasedacceptedalgorithms",
    "smartcarddevice": "pkcs11provider",
}
"""Older names of options."""

WHOLE_LINE = frozenset({"proxycommand", "localcommand", "remotecommand", "knownhostscommand"})
"""Options whose value is the rest of the line, quotes and all."""

SEVERAL = frozenset({"identityfile", "certificatefile"})
"""Options of which every line counts; of all others the first one does."""

_ONE_ARGUMENT = """
    addressfamily batchmode bindaddress certificatefile connecttimeout hashknownhosts hostkeyalias hostname
    identitiesonly identityagent identityfile kbdinteractiveauthentication numberofpasswordprompts
    passwordauthentication port preferredauthentications proxyjump pubkeyauthentication requiredrsasize
    serveralivecountmax serveraliveinterval stricthostkeychecking user
"""
SINGLE = frozenset(_ONE_ARGUMENT.split())
"""Options of ours that take exactly one argument."""

FLAGS = frozenset(
    {"batchmode", "hashknownhosts", "identitiesonly", "kbdinteractiveauthentication", "passwordauthentication"}
)
TIMES = frozenset({"connecttimeout", "serveraliveinterval"})
LISTS = frozenset(
    {
        "ciphers",
        "macs",
        "kexalgorithms",
        "hostkeyalgorithms",
        "pubkeyacceptedalgorithms",
        "casignaturealgorithms",
    }
)
"""Lists of algorithms, which `+`, `-` and `^` change against defaults that only ssh knows."""
