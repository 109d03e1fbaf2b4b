package apiproxy.sidecar;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Sends calls for the hosts that the host process leads elsewhere to its proxy; all others go their own way. */
final class Detour extends ProxySelector {
    private final List<Proxy> proxy;
    private final Set<String> hosts;
    private final ProxySelector others;

    private Detour(int port, Set<String> hosts, ProxySelector others) {
        this.proxy =
                Collections.singletonList(new Proxy(Proxy.Type.HTTP, new InetSocketAddress("127.0.0.1", port)));
        this.hosts = hosts;
        this.others = others;
    }

    /** Becomes the default selector if the process was started with detours. */
    static void install() {
        Integer port = Integer.getInteger("apiproxy.detour.port");
        if (port != null) {
            List<String> hosts = Arrays.asList(System.getProperty("apiproxy.detour.hosts", "").split(","));
            ProxySelector.setDefault(new Detour(port, new HashSet<>(hosts), ProxySelector.getDefault()));
        }
    }

    @Override
    public List<Proxy> select(URI uri) {
        boolean secure = "https".equalsIgnoreCase(uri.getScheme());
        if (uri.getHost() != null && (secure || "http".equalsIgnoreCase(uri.getScheme()))) {
            String host = uri.getHost().toLowerCase(Locale.ROOT);
            int port = uri.getPort() >= 0 ? uri.getPort() : secure ? 443 : 80;
            if (hosts.contains(host) || hosts.contains(host + ":" + port)) {
                return proxy;
            }
        }
        return others == null ? Collections.singletonList(Proxy.NO_PROXY) : others.select(uri);
    }

    @Override
    public void connectFailed(URI uri, SocketAddress address, IOException failure) {
        if (others != null) {
            others.connectFailed(uri, address, failure);
        }
    }
}
