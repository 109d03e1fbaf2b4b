package com.apigee.flow.message;

import java.net.InetSocketAddress;

/** The connection to the client or to the target. */
public abstract class Connection {
    public abstract TransportMessageFactory getMessageFactory();

    public abstract boolean isSSL();

    public abstract String getSubjectPrincipal();

    public abstract String getScheme();

    public abstract InetSocketAddress getAddress();

    public abstract InetSocketAddress getAcceptedFrom();

    public abstract long getReceivedContentLength();

    public abstract long getReceivedStartTimestamp();

    public abstract long getReceivedEndTimestamp();

    public abstract long getSentContentLength();

    public abstract long getSentStartTimestamp();

    public abstract long getSentEndTimestamp();

    public String getHost() {
        InetSocketAddress address = getAddress();
        return address == null ? null : address.getHostString();
    }

    public String getIP() {
        InetSocketAddress address = getAddress();
        return address == null || address.getAddress() == null ? null : address.getAddress().getHostAddress();
    }

    public int getPort() {
        InetSocketAddress address = getAddress();
        return address == null ? -1 : address.getPort();
    }

    public Object getValue(String name) {
        return null;
    }
}
