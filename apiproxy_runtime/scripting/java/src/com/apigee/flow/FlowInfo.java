package com.apigee.flow;

import com.apigee.flow.message.MessageContext;

/** An object that callouts of one transaction share under an identifier. */
public interface FlowInfo {
    String getIdentifier();

    <T> T getValue(String name, MessageContext messageContext);
}
